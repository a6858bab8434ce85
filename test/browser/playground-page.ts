/** Opens the playground in a real browser. */

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import type { FilesystemService } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { openBrowser } from './chromium.ts'

/** Registers a service and a browser for the tests of a suite. Returns a function that opens the page. */
export function usePlayground(openService: () => Promise<FilesystemService>) {
  let service: FilesystemService
  let browser: Browser
  beforeAll(async () => {
    ;[service, browser] = await Promise.all([openService(), openBrowser()])
  })
  afterAll(async () => {
    await browser.close()
    await service.close()
  })
  return {
    urlOf: (path: string) => `${service.url}${path}`,
    openPage: (hash?: string, options?: PageOptions) => openPlayground(browser, service.url, hash, options),
  }
}

type PageOptions = Parameters<Browser['newPage']>[0]

/**
 * Opens a page. Returns it with its requests in order, and with its errors and its requests to other hosts.
 */
async function openPlayground(browser: Browser, base: string, hash = '', options: PageOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  context.setDefaultTimeout(scaleTimeout(20_000))
  const page = await context.newPage()
  const asked: string[] = []
  const problems: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (!url.protocol.startsWith('http')) return
    asked.push(url.pathname + url.search)
    if (url.origin !== base) problems.push(`asked ${url.origin}`)
  })
  await page.addInitScript(measureShift)
  await page.goto(`${base}/_playground${hash}`)
  await settled(page)
  return { page, asked, problems, close: () => context.close() }
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
