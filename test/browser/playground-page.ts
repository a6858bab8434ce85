/** Opens the playground in a real browser. */

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import type { FilesystemDoor } from '../doors.ts'
import { patient } from '../patience.ts'
import { openBrowser } from './chromium.ts'

/** Registers a door and a browser for the tests of a suite. Returns a function that opens the page. */
export function usePlayground(openDoor: () => Promise<FilesystemDoor>) {
  let door: FilesystemDoor
  let browser: Browser
  beforeAll(async () => {
    ;[door, browser] = await Promise.all([openDoor(), openBrowser()])
  })
  afterAll(async () => {
    await browser.close()
    await door.close()
  })
  return {
    urlOf: (path: string) => `${door.url}${path}`,
    openPage: (hash?: string, options?: PageOptions) => openPlayground(browser, door.url, hash, options),
  }
}

type PageOptions = Parameters<Browser['newPage']>[0]

/**
 * Opens a page. Returns it with its requests in order, and with its errors and its requests to other hosts.
 */
async function openPlayground(browser: Browser, base: string, hash = '', options: PageOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  context.setDefaultTimeout(patient(20_000))
  const page = await context.newPage()
  const asked: string[] = []
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (!url.protocol.startsWith('http')) return
    asked.push(url.pathname + url.search)
    if (url.origin !== base) complaints.push(`asked ${url.origin}`)
  })
  await page.addInitScript(measureShift)
  await page.goto(`${base}/_playground${hash}`)
  await settled(page)
  return { page, asked, complaints, close: () => context.close() }
}

/** Records every layout shift that was not caused by user input. */
function measureShift(): void {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const shift = entry as PerformanceEntry & { value: number; hadRecentInput: boolean }
      const data = document.documentElement?.dataset
      if (data !== undefined && !shift.hadRecentInput)
        data.shift = String(Number(data.shift ?? 0) + shift.value)
    }
  }).observe({ type: 'layout-shift', buffered: true })
}

/** Resolves once the page has loaded and shown its rendition. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('networkidle')
  await page.waitForFunction(() => document.querySelector('#canvas')?.getAttribute('aria-busy') === 'false')
}
