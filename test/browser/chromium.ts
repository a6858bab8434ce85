/** The Chromium of the system, for tests in a real browser. */

import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const CANDIDATES = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome']

/** The path of the browser. Undefined when there is none. */
export const CHROMIUM = CANDIDATES.find((path) => path !== undefined && existsSync(path))

/** The reason why browser tests are skipped, for their titles. */
export const NO_CHROMIUM = 'no Chromium was found: set CHROMIUM_PATH, or on Debian apt-get install chromium'

/** Flags with which Chromium requests nothing but the page under test. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function openBrowser(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error(NO_CHROMIUM)
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS, headless: true })
}
