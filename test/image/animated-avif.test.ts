/** Tests animated AVIF: its frames, their delays, its alpha, and how much smaller it is. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, openBrowser } from '../browser/chromium.ts'
import { CORPUS } from '../corpus/corpus.ts'
import { send } from '../http.ts'
import { bouncing, FRAME_DELAYS_MS, FRAME_HEIGHT, FRAME_WIDTH } from '../pictures/drawings.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const libav = await loadLibav()
const SECRET = 'internal-secret'

describe.skipIf(libav === undefined)('animated AVIF (needs libav)', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({
      MEDIA_PROXY_NSFW_ENABLED: 'false',
      MEDIA_PROXY_SECRET_KEY: SECRET,
    })
  })
  afterAll(() => service.close())

  async function ask(name: string, bytes: Uint8Array, query: string) {
    await service.put(`attachments/1/${name}`, bytes)
    const answer = await send(service.url, `/attachments/1/${name}?${query}`)
    expect(answer.status, service.log.at(-1)?.detail).toBe(200)
    return answer
  }

  it('is animated whatever its loop count is', async () => {
    const { body } = await ask('often.gif', await moving(), 'format=png&animated=true')
    const at = body.indexOf('acTL')
    body.writeUInt32BE(0xffffffff, at + 8)
    body.writeUInt32BE(crc32(body.subarray(at, at + 12)), at + 12)
    const { body: avif } = await ask('often.png', body, 'format=avif&animated=true')
    expect(avif.toString('latin1', 8, 12)).toBe('avis')
  })

  it('is rotated as its header declares', async () => {
    // Made with avifenc: its left half is red, then green, and it declares a rotation by 90 degrees
    // anticlockwise.
    const bytes = await readFile(join(import.meta.dirname, '../media/moving-turned.avif'))
    const { body } = await ask('turned.avif', bytes, 'format=webp&animated=true&quality=lossless')
    const { data, info } = await sharp(body, { pages: -1 })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([info.width, info.height, info.pages]).toEqual([16, 64, 2])
    const isLight = (y: number) => Math.min(...data.subarray((y * 16 + 8) * 3, (y * 16 + 8) * 3 + 3)) > 200
    expect([4, 28, 36, 60].map(isLight)).toEqual([true, false, true, false])
  })

  it('has straight alpha when its colours are premultiplied', async () => {
    // Made with Pillow: a frame of (200, 120, 40) at half opacity, and one of (40, 120, 200) at a quarter.
    const bytes = await readFile(join(import.meta.dirname, '../media/moving-premultiplied.avif'))
    const { body } = await ask('straight.avif', bytes, 'format=webp&animated=true&quality=lossless')
    for (const [page, colour] of [
      [200, 120, 40, 128],
      [40, 120, 200, 64],
    ].entries()) {
      const { channels } = await sharp(body, { page }).stats()
      for (const [channel, { mean }] of channels.entries())
        expect(Math.abs(mean - (colour[channel] ?? 0)), `frame ${page}`).toBeLessThan(8)
    }
  })

  it.each(['isom', 'MA1B', 'heic'])('is not a video when its major brand is %s', async (brand) => {
    const bytes = await readFile(join(import.meta.dirname, '../media/moving-turned.avif'))
    bytes.write(brand, 8, 'latin1')
    await service.put(brand, bytes, undefined, 'uploads')
    const { body } = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: brand }),
    })
    expect(JSON.parse(body.toString())).toMatchObject({ format: 'avif', animated: true, width: 16 })
    const shown = await ask(`${brand}.avif`, bytes, 'format=webp&animated=true')
    expect((await sharp(shown.body).metadata()).pages).toBe(2)
    const still = await ask(`${brand}.avif`, bytes, 'width=8')
    expect(still.headers['content-type']).toBe('image/avif')
  })

  it.skipIf(CHROMIUM === undefined)('shows each frame for its delay, with colours and alpha', async () => {
    const { body, headers } = await ask('moving.gif', await moving(), 'format=avif&animated=true')
    expect(headers['content-type']).toBe('image/avif')
    expect(body.toString('latin1', 8, 12)).toBe('avis')
    const browser = await openBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(`${service.url}/_health`)
      const shown = await page.evaluate(async (base64) => {
        const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
        const decoder = new ImageDecoder({ data, type: 'image/avif' })
        await decoder.tracks.ready
        await decoder.completed
        const count = decoder.tracks.selectedTrack?.frameCount ?? 0
        const frames = []
        for (let frameIndex = 0; frameIndex < count; frameIndex += 1) {
          const { image } = await decoder.decode({ frameIndex })
          const context = new OffscreenCanvas(image.displayWidth, image.displayHeight).getContext('2d')
          context?.drawImage(image, 0, 0)
          const pixel = (x: number, y: number) => [...(context?.getImageData(x, y, 1, 1).data ?? [])]
          frames.push({
            milliseconds: Math.round((image.duration ?? 0) / 1000),
            hole: pixel(2, 2),
            ball: pixel(18 + 20 * frameIndex, frameIndex % 2 === 0 ? 20 : 50),
          })
        }
        return frames
      }, body.toString('base64'))
      expect(shown.map(({ milliseconds }) => milliseconds)).toEqual(FRAME_DELAYS_MS)
      for (const [index, { hole, ball }] of shown.entries()) {
        expect(hole[3]).toBeLessThan(30)
        const colour = BALLS[index] ?? []
        for (const [channel, value] of colour.entries())
          expect(Math.abs((ball[channel] ?? 0) - value), `frame ${index}`).toBeLessThan(25)
        expect(ball[3]).toBe(255)
      }
    } finally {
      await browser.close()
    }
  })

  it('has its frames on white, as other animations do', async () => {
    const { body: avif } = await ask('moving.gif', await moving(), 'format=avif&animated=true')
    const framesOf = async (name: string, bytes: Uint8Array) => {
      await service.put(name, bytes, undefined, 'uploads')
      const { body } = await send(service.url, '/_frames', {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'upload', upload_filename: name }),
      })
      const { frames }: { frames: { timestamp: number; base64: string }[] } = JSON.parse(body.toString())
      return Promise.all(
        frames.map(async ({ timestamp, base64 }) => {
          const corner = sharp(Buffer.from(base64, 'base64')).extract({
            left: 2,
            top: 2,
            width: 1,
            height: 1,
          })
          return { timestamp, light: ((await corner.raw().toBuffer())[0] ?? 0) > 240 }
        }),
      )
    }
    const frames = await framesOf('moving.avif', avif)
    expect(frames.map(({ light }) => light)).toEqual([true, true, true])
    expect(frames).toEqual(await framesOf('moving.gif', await moving()))
  })

  it('becomes WebP when it would be too small, lossless, or limited in bytes', async () => {
    for (const query of ['width=12', 'quality=lossless', 'maxbytes=100000'])
      expect(
        (await ask('other.gif', await moving(), `format=avif&animated=true&${query}`)).headers[
          'content-type'
        ],
      ).toBe('image/webp')
    expect((await ask('other.gif', await moving(), 'format=avif')).headers['content-type']).toBe('image/avif')
  })

  it.skipIf(CORPUS === undefined)('has less than 60 % of the bytes of WebP', async () => {
    const gif = await readFile(join(CORPUS ?? '', 'animated/no-loop.gif'))
    const [avif, webp] = [
      await ask('a.gif', gif, 'format=avif&animated=true'),
      await ask('a.gif', gif, 'format=webp&animated=true'),
    ]
    expect(avif.body.length).toBeLessThan(0.6 * webp.body.length)
  })
})

const BALLS: readonly (readonly number[])[] = [
  [220, 30, 40],
  [40, 170, 60],
  [40, 70, 220],
  [240, 180, 30],
]

/** Builds an animation of a bouncing ball with a transparent strip at its left edge. */
async function moving(): Promise<Buffer> {
  const { data, raw } = bouncing()
  const holed = Buffer.from(data)
  for (let pixel = 0; pixel < raw.width * raw.height; pixel += 1)
    if (pixel % raw.width < FRAME_WIDTH / 8) holed[pixel * 4 + 3] = 0
  return sharp(holed, { raw: { ...raw, pageHeight: FRAME_HEIGHT } })
    .gif({ delay: [...FRAME_DELAYS_MS], loop: 0 })
    .toBuffer()
}
