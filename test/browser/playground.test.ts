/** The playground in a real browser, used with the pointer and with the keyboard. */

import { PARAMETER_GUIDE } from '@media-proxy/shared/request/parameter-guide.ts'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { PLAYGROUND_SERVICES } from '../playground/services.ts'
import { CHROMIUM, NO_CHROMIUM } from './chromium.ts'
import { settled, usePlayground } from './playground-page.ts'

/** Fonts of different widths, as far as this machine has them. The last one is wider than all others. */
const FONTS = [
  ['sans-serif', 'font-family: sans-serif'],
  ['serif', 'font-family: serif'],
  ['monospace', 'font-family: monospace'],
  // The letter spacing with which pages have to work by WCAG 2.2, 1.4.12.
  ['monospace and letter-spacing', 'font-family: monospace; letter-spacing: 0.12em; word-spacing: 0.16em'],
] as const
const NARROW_WIDTHS = [320, 360, 390, 768, 900, 1000]

if (CHROMIUM === undefined) console.warn(`skipped: ${NO_CHROMIUM}`)

describe.skipIf(CHROMIUM === undefined).each(PLAYGROUND_SERVICES)(
  'the playground in a browser, at %s',
  (_, open) => {
    const { openPage, urlOf } = usePlayground(open)

    it('requests its first image before everything that can wait, without layout shifts, errors or requests to other hosts', async () => {
      const { page, asked, problems, close } = await openPage()
      const { width, shift } = await page.evaluate(() => ({
        width: document.querySelector<HTMLImageElement>('#rendition')?.naturalWidth,
        shift: Number(document.documentElement.dataset.shift ?? 0),
      }))
      expect(width).toBe(480)
      expect(shift).toBeLessThan(0.01)
      expect(await page.textContent('#saving')).toMatch(/^−\d+ %$/)
      expect(await page.textContent('#original-caption')).toMatch(/^Original · [\d.]+ kB$/)
      expect(await page.textContent('#rendition-caption')).toMatch(/^Rendition · [\d.]+ kB · −\d+ %$/)
      expect(await page.textContent('#cost')).toMatch(
        /^This answer cost \d+ ms of processor time, [\d.]+ kB\. A million at the edge: \$0\.31 from the cache/,
      )
      expect(problems).toEqual([])
      const image = '/attachments/1/1/coffee.jpg?width=480&format=webp'
      expect(asked.slice(0, asked.indexOf(image)).toSorted()).toEqual([
        '/_playground',
        '/_playground/app.css',
        '/_playground/app.js',
        '/_playground/session',
      ])
      expect(asked).toContain('/_playground/metadata')
      await close()
    })

    it.each([
      ['light', { colorScheme: 'light' as const }, ''],
      ['dark', { colorScheme: 'dark' as const }, '#source=/attachments/1/1/day.mp4&width=320&format=webp'],
      ['narrow', { viewport: { width: 390, height: 844 }, hasTouch: true }, ''],
      [
        'narrowest',
        { viewport: { width: 320, height: 640 }, hasTouch: true, colorScheme: 'dark' as const },
        '',
      ],
      ['forced colours', { forcedColors: 'active' as const }, ''],
    ])('has no accessibility violations, %s', async (_name, options, hash) => {
      const { page, close } = await openPage(hash, options)
      await page.click('#sheet-button')
      await page.waitForFunction(() => document.querySelectorAll('.sheet img').length === 15)
      // Evaluated from outside the page, because its content security policy allows no such script.
      const violations = await page.evaluate(
        `${axe.source}; axe.run().then(({ violations }) => violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')))`,
      )
      expect(violations).toEqual([])
      const width = await page.evaluate(
        () => [document.documentElement.scrollWidth, window.innerWidth] as const,
      )
      expect(width[0], 'scrolls sideways').toBeLessThanOrEqual(width[1])
      await close()
    })

    it.each(FONTS)('never scrolls horizontally, in %s', async (_name, style) => {
      const { page, close } = await openPage('#source=/attachments/1/1/day.mp4&width=320&format=webp')
      await page.evaluate((rules) => {
        const sheet = new CSSStyleSheet()
        sheet.replaceSync(`* { ${rules.replaceAll(';', ' !important;')} !important }`)
        document.adoptedStyleSheets = [sheet]
      }, style)
      await page.click('#sheet-button')
      await page.click('#frames-button')
      await page.waitForFunction(() => document.querySelectorAll('#frames img').length === 3)
      for (const width of NARROW_WIDTHS) {
        await page.setViewportSize({ width, height: 844 })
        expect(await page.evaluate(() => document.documentElement.scrollWidth), `${width} px`).toBe(width)
      }
      await close()
    })

    it('changes the URL and the image with every control', async () => {
      const { page, problems, close } = await openPage(
        '#source=/attachments/1/1/harbour.jpg&width=300&height=300',
      )
      const element = () => page.getAttribute('#rendition', 'src')
      const changes: Readonly<Record<string, () => Promise<unknown>>> = {
        width: () => page.fill('#parameter-width', '200'),
        height: () => page.fill('#parameter-height', '180'),
        fit: () => page.check('[data-parameter=fit] input[value=contain]', { force: true }),
        gravity: () => page.selectOption('#parameter-gravity', 'north'),
        format: () => page.selectOption('#parameter-format', 'webp'),
        quality: () => page.click('[data-parameter=quality] button:text-is("low")'),
        animated: () => page.check('[data-parameter=animated] input[value=false]', { force: true }),
        dpr: () => page.check('[data-parameter=dpr] input[value="1.5"]', { force: true }),
        blur: () => page.fill('#parameter-blur', '6'),
        crop: () => page.fill('#parameter-crop', '0.2,0.2,0.5,0.5'),
        trim: () => page.check('[data-parameter=trim] input[value=true]', { force: true }),
        rotate: () => page.check('[data-parameter=rotate] input[value="90"]', { force: true }),
        flip: () => page.check('[data-parameter=flip] input[value=h]', { force: true }),
        pad: () => page.fill('#parameter-pad', '5,10'),
        background: () => page.fill('#parameter-background', 'f59e0b'),
        sharpen: () => page.fill('#parameter-sharpen', '4'),
        maxbytes: () => page.fill('#parameter-maxbytes', '4000'),
        preset: () => page.click('[data-parameter=preset] button:text-is("thumb")'),
        download: () => page.check('[data-parameter=download] input[value=true]', { force: true }),
      }
      for (const [name, change] of Object.entries(changes)) {
        const before = await element()
        await change()
        await page.waitForFunction(
          (old) => document.querySelector('#rendition')?.getAttribute('src') !== old,
          before,
        )
        await settled(page)
        expect(await page.textContent('#url'), name).toMatch(new RegExp(`[?&]${name}=`))
      }
      expect(await page.locator('#rendition').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(
        // 1.5 times 200, and the border.
        320,
      )
      expect(problems).toEqual([])
      await page.reload()
      await settled(page)
      expect(await page.textContent('#url'), 'kept by the address').toContain('blur=6')

      const left = PARAMETER_GUIDE.map(({ name }) => name).filter((name) => !(name in changes))
      expect(left, 'tried below').toEqual(['size', 'time', 'duration', 'fps', 'sprite', 'audio'])
      await page.click('.sample[data-source="/avatars/1/5a6d0c1e.webp"]')
      await settled(page)
      await page.selectOption('#parameter-size', '32')
      await page.waitForFunction(
        // 1.5 times 32, and the border.
        () => document.querySelector<HTMLImageElement>('#rendition')?.naturalWidth === 68,
      )
      await close()
    })

    it('plays a clip, with the selected duration and audio', async () => {
      const { page, problems, close } = await openPage('#source=/attachments/1/1/day.mp4&width=160')
      expect(await page.locator('[data-parameter=fps]').isVisible()).toBe(false)
      await page.selectOption('#parameter-format', 'mp4')
      await page.fill('#parameter-duration', '1')
      await page.fill('#parameter-fps', '10')
      await page.check('[data-parameter=audio] input[value=false]', { force: true })
      await page.waitForFunction(() => {
        const clip = document.querySelector<HTMLVideoElement>('#clip')
        return clip?.hidden === false && clip.videoWidth === 160 && Math.abs(clip.duration - 1) < 0.2
      })
      expect(await page.textContent('#url')).toMatch(
        /audio=false.*duration=1.*fps=10|duration=1.*fps=10.*audio=false/,
      )
      await page.selectOption('#parameter-format', 'webp')
      await page.waitForFunction(() => document.querySelector<HTMLVideoElement>('#clip')?.hidden === true)
      expect(problems).toEqual([])
      await close()
    })

    it('shows the progress of a clip while it is rendered', async () => {
      const { page, problems, close } = await openPage('#source=/attachments/1/1/day.mp4&width=160')
      const shares = [0.25, 0.5]
      await page.route('**/_playground/progress', (route) => {
        const share = shares.shift()
        return route.fulfill({ json: { clips: share === undefined ? [] : [share] } })
      })
      const answer = await hold(page, '**/day.mp4?*format=mp4*')
      await page.selectOption('#parameter-format', 'mp4')
      for (const share of [0.25, 0.5]) {
        await page.waitForFunction((wanted) => {
          const bar = document.querySelector<HTMLProgressElement>('#progress')
          return bar?.hidden === false && bar.value === wanted
        }, share)
      }
      answer()
      await page.waitForFunction(() => document.querySelector<HTMLVideoElement>('#clip')?.hidden === false)
      expect(await page.isVisible('#progress')).toBe(false)
      expect(problems).toEqual([])
      await close()
    })

    it('shows that it is loading while an image takes a while', async () => {
      const { page, close } = await openPage('', { reducedMotion: 'reduce' })
      const label = () =>
        page.evaluate(() => {
          const { content, opacity } = getComputedStyle(
            document.querySelector('#canvas') ?? document.body,
            '::before',
          )
          return [content, opacity]
        })
      expect(await label()).toEqual(['none', '1'])
      const answer = await hold(page, '**/coffee.jpg?width=300*')
      await page.fill('#parameter-width', '300')
      await expect.poll(label).toEqual(['"Loading …"', '1'])
      answer()
      await settled(page)
      expect(await label()).toEqual(['none', '1'])
      await close()
    })

    it('works with the keyboard alone', async () => {
      const { page, close } = await openPage()
      await page.keyboard.press('Tab')
      expect(await focused(page)).toContain('Skip to the image')
      const reached = new Set<string>()
      for (let presses = 0; presses < 80; presses += 1) {
        await page.keyboard.press('Tab')
        reached.add(
          await page.evaluate(
            () => document.activeElement?.id || document.activeElement?.getAttribute('name') || '',
          ),
        )
      }
      for (const id of [
        'source-input',
        'upload',
        'parameter-width',
        'fit',
        'cut',
        'copy-url',
        'sheet-button',
        'tab-URL',
      ]) {
        expect([...reached]).toContain(id)
      }
      await page.focus('#cut')
      await page.keyboard.press('Home')
      expect(
        await page
          .locator('#canvas')
          .evaluate((canvas: HTMLElement) => canvas.style.getPropertyValue('--cut')),
      ).toBe('0%')
      await page.focus('#tab-URL')
      await page.keyboard.press('ArrowRight')
      expect(await focused(page)).toBe('curl')
      await page.focus('#source-input')
      await page.fill('#source-input', '/emojis/1001.webp')
      await page.keyboard.press('Enter')
      await page.waitForFunction(() =>
        document.querySelector('#url')?.textContent?.startsWith('/emojis/1001.webp'),
      )
      await close()
    })

    it('copies the URL and the code of each language', async () => {
      const { page, close } = await openPage('', { permissions: ['clipboard-read', 'clipboard-write'] })
      const copied = () => page.evaluate(() => navigator.clipboard.readText())
      await page.click('#copy-url')
      const url = urlOf('/attachments/1/1/coffee.jpg?width=480&format=webp')
      await expect.poll(copied).toBe(url)
      for (const [tab, expected] of [
        ['curl', `curl -o coffee.webp '${url}'`],
        ['img', 'srcset="'],
        ['picture', '<source type="image/avif"'],
        ['CSS', 'image-set('],
        ['TypeScript', 'media.attachment("1/1/coffee.jpg", { width: 480, format: "webp" })'],
      ] as const) {
        await page.click(`[role=tab]:text-is("${tab}")`)
        await page.click('#copy-code')
        await expect.poll(copied).toContain(expected)
      }
      await close()
    })

    it('zooms with keys, wheel and pinch, in both images alike', async () => {
      const { page, problems, close } = await openPage()
      const zoomText = () => page.textContent('#zoom-reset')
      const widths = () =>
        page.evaluate(() =>
          ['#original', '#rendition'].map((id) => document.querySelector(id)?.getBoundingClientRect().width),
        )
      const [before = 0] = await widths()
      await page.focus('#cut')
      await page.keyboard.press('+')
      await page.keyboard.press('+')
      expect(await zoomText()).toBe('156 %')
      expect((await widths()).map((width) => Math.round(width ?? 0))).toEqual(
        [1.5625, 1.5625].map((scale) => Math.round(before * scale)),
      )
      const left = () =>
        page.evaluate(() => document.querySelector('#original')?.getBoundingClientRect().left)
      const middle = await left()
      await page.keyboard.press('Shift+ArrowRight')
      expect(await left()).toBeLessThan(middle ?? 0)
      await page.keyboard.press('0')
      expect(await zoomText()).toBe('100 %')

      await page.hover('#cut')
      await page.keyboard.down('Control')
      await page.mouse.wheel(0, -200)
      await page.keyboard.up('Control')
      await expect.poll(zoomText).not.toBe('100 %')
      await page.click('#zoom-reset')
      // Without zoom and without a key, the wheel scrolls the page.
      await page.hover('#cut')
      await page.mouse.wheel(0, 200)
      await page.waitForFunction(() => window.scrollY > 0)
      expect(await zoomText()).toBe('100 %')
      await page.evaluate(() => window.scrollTo(0, 0))

      const session = await page.context().newCDPSession(page)
      const box = await page.locator('#canvas').boundingBox()
      const at = { x: (box?.x ?? 0) + (box?.width ?? 0) / 2, y: (box?.y ?? 0) + 100 }
      const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', apart: number) =>
        session.send('Input.dispatchTouchEvent', {
          type,
          touchPoints:
            type === 'touchEnd' ? [] : [-apart, apart].map((x, id) => ({ x: at.x + x, y: at.y, id })),
        })
      await touch('touchStart', 40)
      for (const apart of [50, 60, 80]) await touch('touchMove', apart)
      await touch('touchEnd', 0)
      await expect.poll(zoomText).toBe('200 %')
      expect(problems).toEqual([])
      await close()
    })

    it('sets the focal point by dragging and by keys', async () => {
      const { page, close } = await openPage('#source=/attachments/1/1/harbour.jpg&width=200&height=200')
      const url = () => page.textContent('#url')
      await page.click('#focus-toggle')
      await page.locator('#focus').focus()
      for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press('ArrowRight')
      expect(await url()).toContain('crop=0.185%2C0%2C0.75%2C1')
      expect(await page.getAttribute('#focus', 'aria-label')).toBe(
        'Focal point: 56 % from the left, 50 % from the top',
      )
      await settled(page)
      const handle = await page.locator('#focus').boundingBox()
      const image = await page.locator('#original').boundingBox()
      if (handle === null || image === null) throw new Error('nothing to drag')
      await page.mouse.move(handle.x + handle.width / 2, handle.y + handle.height / 2)
      await page.mouse.down()
      await page.mouse.move(image.x + 4, image.y + image.height / 2, { steps: 4 })
      await page.mouse.up()
      expect(await url()).toContain('gravity=west')
      expect(await url()).not.toContain('crop=')
      await settled(page)
      await close()
    })
  },
)

function focused(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement?.textContent ?? '')
}

/** Holds the requests for a URL back. Returns a function that lets them go. */
async function hold(page: Page, url: string): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  await page.route(url, async (route) => {
    await promise
    await route.continue()
  })
  return resolve
}
