/**
 * The service as a chat uses it: a page of another origin with a hundred avatars, attachments, and a video.
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createMediaClient,
  createMediaUrls,
  densitySrcset,
  isClientFailure,
  placeholderDataUrl,
  widthSrcset,
} from '@media-proxy/client'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PLAYGROUND_SERVICES, SECRET } from '../playground/services.ts'
import type { FilesystemService } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { CHROMIUM, openBrowser } from './chromium.ts'

const AVATARS = 100
const ATTACHMENTS = 20

describe.skipIf(CHROMIUM === undefined).each(PLAYGROUND_SERVICES)('a chat page in front of %s', (_, open) => {
  let service: FilesystemService
  let site: Server
  let html = ''

  beforeAll(async () => {
    service = await open()
    html = await chatPage(service)
    site = createServer((_, response) => response.setHeader('content-type', 'text/html').end(html))
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    site.close()
    await service.close()
  })

  it('decodes every image, animates on hover, and reports no errors', async () => {
    const browser = await openBrowser()
    const page = await browser.newPage({ viewport: { width: 1000, height: 800 } })
    page.setDefaultTimeout(scaleTimeout(20_000))
    const problems: string[] = []
    page.on('console', (message) => problems.push(message.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('response', (response) => {
      if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`)
    })
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
    const widths = await page.evaluate(async () => {
      const images = [...document.images]
      await Promise.all(images.map((image) => image.decode()))
      return images.map((image) => image.naturalWidth)
    })
    expect(widths).toHaveLength(AVATARS + ATTACHMENTS + 1)
    expect(widths.filter((width) => width === 0)).toEqual([])

    await page.hover('#moving')
    await page.waitForFunction(() =>
      document.querySelector<HTMLImageElement>('#moving')?.currentSrc.includes('animated=true'),
    )
    // The same element now shows an animation, so its rendering changes.
    const first = await page.locator('#moving').screenshot()
    await expect.poll(async () => first.equals(await page.locator('#moving').screenshot())).toBe(false)

    const video = await page.evaluate(async () => {
      const element = document.querySelector('video')
      if (element === null) return undefined
      if (element.readyState < 1)
        await new Promise((resolve) => element.addEventListener('loadedmetadata', resolve))
      const poster = new Image()
      poster.src = element.poster
      await poster.decode()
      return [element.videoWidth, poster.naturalWidth]
    })
    expect(video).toEqual([640, 320])
    expect(problems).toEqual([])
    await browser.close()
  })
})

async function chatPage(service: FilesystemService): Promise<string> {
  const urls = createMediaUrls(service.url)
  const client = createMediaClient({ baseUrl: service.url, secretKey: SECRET })
  const avatars = await Promise.all(
    Array.from({ length: AVATARS }, async (_, index) => {
      await service.put(`avatars/${index}/face`, await drawing(160, 160, index))
      const src = (dpr: 1 | 2) => urls.asset('avatars', String(index), 'face', { size: 40, dpr })
      return `<img src="${src(1)}" srcset="${densitySrcset([1, 2], src)}" width="40" height="40" alt="">`
    }),
  )
  const attachments = await Promise.all(
    Array.from({ length: ATTACHMENTS }, async (_, index) => {
      const key = `attachments/9/${index}/picture ${index}.png`
      await service.put(key, await drawing(800, 600, index * 7))
      const metadata = await client.metadata({ type: 's3', bucket: 'cdn', key })
      if (isClientFailure(metadata)) throw new Error(metadata.message)
      const placeholder = placeholderDataUrl(metadata.placeholder ?? '')
      if (placeholder === undefined) throw new Error('no placeholder')
      const of = (width: number) =>
        urls.attachment(key.replace('attachments/', ''), { width, format: 'auto' }).replaceAll('&', '&amp;')
      return `<img src="${of(400)}" srcset="${widthSrcset([200, 400], of)}" sizes="200px" width="200" height="150"
        style="background: url(${placeholder}) 0 / cover" alt="" crossorigin>`
    }),
  )
  const still = urls.asset('avatars', '1', '77c0ffee', { size: 96, animated: false })
  const moving = urls.asset('avatars', '1', 'a_77c0ffee', { size: 96, animated: true })
  const video = urls.attachment('1/1/day.mp4')
  const poster = urls.attachment('1/1/day.mp4', { width: 320, format: 'webp', time: '50%' })
  return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Chat</title>
    <img id="moving" src="${still}" width="96" height="96" alt="">
    <video src="${video}" poster="${poster}" preload="metadata" muted width="320"></video>
    <div>${avatars.join('')}</div><div>${attachments.join('')}</div>
    <script>
      const image = document.querySelector('#moving')
      image.addEventListener('mouseenter', () => { image.src = ${JSON.stringify(moving)} })
    </script>`
}

function drawing(width: number, height: number, hue: number): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <rect width="100%" height="100%" fill="hsl(${hue * 3.6} 70% 50%)"/>
    <circle cx="50%" cy="50%" r="30%" fill="hsl(${hue * 3.6 + 90} 70% 70%)"/></svg>`
  return sharp(Buffer.from(svg)).png().toBuffer()
}
