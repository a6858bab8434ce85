/** Tests that images are rendered in sRGB as browsers show them, however they declare their colours. */

import { decodeImage } from '@media-proxy/origin/engine/process/image/decode.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { thumbHashToAverageRGBA } from 'thumbhash'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noStills } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { expectColour, keyOf, RED, red, SIDE } from './colour-samples.ts'
import { inspectImage } from './inspect-image.ts'

const SECRET = 'internal-secret'
const CENTRE = SIDE / 2
const limits = { sourceBytes: 1e6, decodedBytes: 1e6, sidePixels: 16384, frames: 100 }

const deep = (profile: 'srgb' | 'p3', alpha?: number) => {
  const pipeline = alpha === undefined ? red().removeAlpha() : red(alpha)
  return pipeline.toColourspace('rgb16').withIccProfile(profile)
}
const avif = (profile: 'srgb' | 'p3', bitdepth: 10 | 12) =>
  red().removeAlpha().withIccProfile(profile).avif({ bitdepth, quality: 95, chromaSubsampling: '4:4:4' })

/** All have the same red, by different values. */
const DEEP = {
  'PNG of 16 bits, sRGB': ['png', () => deep('srgb').png().toBuffer()],
  'PNG of 16 bits, Display P3': ['png', () => deep('p3').png().toBuffer()],
  'PNG of 16 bits with alpha, Display P3': ['png', () => deep('p3', 0.5).png().toBuffer()],
  'PNG of 16 bits without a profile': ['png', () => red().toColourspace('rgb16').png().toBuffer()],
  'AVIF of 10 bits, sRGB': ['avif', () => avif('srgb', 10).toBuffer()],
  'AVIF of 10 bits, Display P3': ['avif', () => avif('p3', 10).toBuffer()],
  'AVIF of 12 bits, Display P3': ['avif', () => avif('p3', 12).toBuffer()],
} as const

describe('colours', () => {
  let service: Service
  const files = new Map<string, Buffer>()
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    for (const [name, [, make]] of Object.entries(DEEP)) {
      const bytes = await make()
      files.set(name, bytes)
      await service.put(`attachments/1/${keyOf(name)}`, bytes)
      await service.put(`avatars/1/${keyOf(name)}`, bytes)
      await service.put(keyOf(name), bytes, undefined, 'uploads')
    }
  })
  afterAll(() => service.close())

  it.each(Object.entries(DEEP))('are right on every route: %s', async (name, [format]) => {
    for (const path of [
      `/attachments/1/${keyOf(name)}?format=png`,
      `/attachments/1/${keyOf(name)}?format=webp&quality=95&width=8`,
      // JPEG blends transparent images over white.
      ...(name.includes('alpha') ? [] : [`/attachments/1/${keyOf(name)}?format=jpeg&quality=95`]),
      `/avatars/1/${keyOf(name)}.png?size=16`,
    ]) {
      const { status, body } = await send(service.url, path)
      expect([path, status]).toEqual([path, 200])
      expect((await sharp(body).metadata()).icc).toBeUndefined()
      expectRed(await centreOf(body), 3)
    }
    const { body } = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: keyOf(name), isNSFWAllowed: true }),
    })
    const { r, g, b } = thumbHashToAverageRGBA(Buffer.from(JSON.parse(body.toString()).placeholder, 'base64'))
    // A hash has six bits per colour.
    expectRed([r * 255, g * 255, b * 255], 12)
    // The colours that a scan sees.
    const bytes = files.get(name) ?? Buffer.alloc(0)
    const info = await inspectImage(bytes, format, { limits, animated: false })
    if (isFailure(info)) throw new Error(info.detail)
    const seen = await decodeImage(bytes, info, { frame: 0, maxSidePixels: SIDE }, noStills)
    if (isFailure(seen)) throw new Error(seen.detail)
    expectRed([...seen.data.subarray(0, 3)], 2)
  })
})

describe('CMYK inks without a profile', () => {
  it.each([
    ['JPEG without a profile', 'jpeg', undefined],
    ['JPEG with an RGB profile', 'jpeg', 'srgb'],
    ['TIFF without a profile', 'tiff', undefined],
  ] as const)('darken the paper independently: %s', async (_, format, profile) => {
    const service = await openFilesystemOrigin({})
    const inks = await cmykImage(format)
    const file = profile === undefined ? inks : await withProfile(inks, profile)
    await service.put('attachments/1/inks.jpg', file)
    const { status, body } = await send(service.url, '/attachments/1/inks.jpg?format=png')
    await service.close()
    expect(status).toBe(200)
    const shown = await sharp(body).raw().toBuffer()
    const read = await sharp(inks).pipelineColourspace('cmyk').toColourspace('cmyk').raw().toBuffer()
    for (let pixel = 0; pixel < SIDE * SIDE; pixel += 7) {
      const [cyan = 0, magenta = 0, yellow = 0, black = 0] = read.subarray(pixel * 4, pixel * 4 + 4)
      const paper = [cyan, magenta, yellow].map((ink) => ((255 - ink) * (255 - black)) / 255)
      for (const [channel, value] of paper.entries())
        expect(Math.abs((shown[pixel * 3 + channel] ?? 0) - value)).toBeLessThanOrEqual(1)
    }
  })
})

/** Builds an image whose colours grow to the right and downwards, in CMYK. */
function cmykImage(format: 'jpeg' | 'tiff'): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: SIDE * SIDE }, (_, at) => [8 * (at % SIDE), 8 * Math.floor(at / SIDE), 90]).flat(),
  )
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .toColourspace('cmyk')
    .toFormat(format, { quality: 100 })
    .toBuffer()
}

/**
 * Builds a JPEG with a profile of another colour space, in the segment that holds profiles (ICC.1:2022, annex
 * B.4).
 */
async function withProfile(jpeg: Buffer, profile: 'srgb'): Promise<Buffer> {
  const { icc } = await sharp(await red().withIccProfile(profile).png().toBuffer()).metadata()
  const data = Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01', 'latin1'), icc ?? Buffer.alloc(0)])
  const start = Buffer.from([0xff, 0xd8, 0xff, 0xe2, (data.length + 2) >> 8, (data.length + 2) & 0xff])
  return Buffer.concat([start, data, jpeg.subarray(2)])
}

async function centreOf(bytes: Buffer): Promise<readonly number[]> {
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
  const at = info.width < SIDE ? 0 : (CENTRE * info.width + CENTRE) * info.channels
  return [...data.subarray(at, at + 3)]
}

function expectRed(colour: readonly number[], tolerance: number): void {
  expectColour(colour, RED, tolerance)
}
