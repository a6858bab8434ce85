/** Sources of the playground: dropped files, files of the store, videos, audio, and external media. */

import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { PLAYGROUND_SERVICES } from '../playground/services.ts'
import { CHROMIUM, NO_CHROMIUM } from './chromium.ts'
import { usePlayground } from './playground-page.ts'

if (CHROMIUM === undefined) console.warn(`skipped: ${NO_CHROMIUM}`)

describe.skipIf(CHROMIUM === undefined).each(PLAYGROUND_SERVICES)(
  'sources of the playground in a browser, at %s',
  (_, open) => {
    const { openPage } = usePlayground(open)

    it('uploads a dropped file, and shows it with its metadata', async () => {
      const { page, problems, close } = await openPage()
      await drop(page, 'my picture.png', 'image/png', await halvesPng(300, 200))
      await page.waitForFunction(() =>
        document.querySelector('#url')?.textContent?.includes('-my-picture.png'),
      )
      await page.waitForSelector('.placeholder img')
      await expect.poll(() => page.textContent('#metadata')).toContain('300 × 200')
      await page.waitForFunction(
        () => document.querySelector<HTMLImageElement>('#original')?.naturalWidth === 300,
      )
      expect(problems).toEqual([])

      await drop(page, 'notes.png', 'image/png', Buffer.from('this is no image'))
      await page.waitForSelector('#rejection:not([hidden])')
      await expect.poll(() => page.textContent('#metadata')).toContain('Unsupported file format')
      await expect.poll(() => page.textContent('#metadata')).toContain('The file name does not matter')
      await expect.poll(() => page.textContent('#original-caption')).toContain('not shown by this browser')
      expect(await page.getAttribute('#original', 'src')).toBeNull()
      await drop(page, 'large.png', 'image/png', Buffer.alloc(3_000_001))
      await expect
        .poll(() => page.textContent('#rejection'))
        .toContain('larger than the limit of the service')
      await close()
    })

    it('states what may be uploaded, shows the progress, and can cancel', async () => {
      const { page, close } = await openPage()
      expect(await page.textContent('#upload-limit')).toContain('up to 3 MB')
      // The upload is not answered until the button was pressed.
      const { promise: pressed, resolve: press } = Promise.withResolvers<void>()
      await page.route('**/_playground/upload?*', async (route) => {
        await pressed
        await route.abort()
      })
      await drop(page, 'slow.png', 'image/png', await halvesPng(30, 20))
      await page.waitForSelector('#upload-line progress')
      expect(await page.textContent('#said')).toBe('Sending slow.png')
      await page.click('#upload-line button')
      await page.waitForSelector('#upload-line', { state: 'hidden' })
      press()
      expect(await page.locator('#rejection').isVisible()).toBe(false)
      await close()
    })

    it('opens objects in the store, folder by folder', async () => {
      const { page, close } = await openPage()
      await page.click('#files > summary')
      await page.click('#file-tree summary:text-is("emojis/")')
      await page.click('#file-tree button:text-is("1001.webp")')
      await page.waitForFunction(() =>
        document.querySelector('#url')?.textContent?.startsWith('/emojis/1001'),
      )
      await close()
    })

    it('shows a frame of a video, its three frames, and plays audio', async () => {
      const { page, problems, close } = await openPage(
        '#source=/attachments/1/1/day.mp4&width=320&format=webp',
      )
      await page.waitForSelector('#motion:not([hidden])')
      await page.waitForFunction(() => Number(document.querySelector<HTMLInputElement>('#scrubber')?.max) > 3)
      const before = await page.getAttribute('#rendition', 'src')
      await page.fill('#scrubber', '2')
      await page.waitForFunction(
        (old) => document.querySelector('#rendition')?.getAttribute('src') !== old,
        before,
      )
      expect(await page.textContent('#url')).toContain('time=2')
      await page.click('#frames-button')
      await page.waitForFunction(() => document.querySelectorAll('#frames img').length === 3)
      await page.waitForFunction(() => document.querySelectorAll('#sprite .tile').length === 12)
      await page.click('#sprite .tile:nth-child(10)')
      await page.waitForFunction(() => document.querySelector('#scrubber-out')?.textContent === '3.0 s')
      expect(await page.textContent('#url')).toContain('time=3')
      expect(await page.getAttribute('#sprite .tile:nth-child(10)', 'aria-pressed')).toBe('true')
      await page.click('.sample[data-source="/attachments/1/1/chime.wav"]')
      await page.waitForSelector('#audio:not([hidden])')
      await expect.poll(() => page.textContent('#metadata')).toContain('2 s')
      expect(problems).toEqual([])
      await close()
    })

    it('signs an external URL, and explains why it is not shown', async () => {
      const { page, close } = await openPage()
      await page.fill('#source-input', 'http://192.168.0.1/cat.png')
      await page.keyboard.press('Enter')
      await page.waitForFunction(() => document.querySelector('#url')?.textContent?.startsWith('/external/'))
      await expect.poll(() => page.textContent('#rejection')).toContain('400 Bad Request')
      await close()
    })
  },
)

/** Dispatches the events of a browser for a file that is dropped on the page. */
async function drop(page: Page, name: string, type: string, bytes: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ name, type, base64 }) => {
      const data = new DataTransfer()
      const content = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      data.items.add(new File([content], name, { type }))
      return data
    },
    { name, type, base64: Buffer.from(bytes).toString('base64') },
  )
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer })
}
