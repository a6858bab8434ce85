/** Whatever tells the colours of a picture, they come out as browsers show them: in sRGB. */

import { decodePicture } from '@media-proxy/origin/engine/process/image/decode.ts'
import { inspectImage } from '@media-proxy/origin/engine/process/image/inspect.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { thumbHashToAverageRGBA } from 'thumbhash'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Door, openFilesystemOrigin } from '../doors.ts'
import { noStills } from '../fixtures.ts'
import { send } from '../http.ts'

const SECRET = 'internal-secret'
const RED = [220, 30, 30] as const
const [SIDE, CENTRE] = [32, 16]
const limits = { sourceBytes: 1e6, decodedBytes: 1e6, sidePixels: 16384, frames: 100 }

const red = (alpha = 1) => {
  const [r, g, b] = RED
  return sharp({ create: { width: SIDE, height: SIDE, channels: 4, background: { r, g, b, alpha } } })
}
const deep = (profile: 'srgb' | 'p3', alpha?: number) => {
  const pipeline = alpha === undefined ? red().removeAlpha() : red(alpha)
  return pipeline.toColourspace('rgb16').withIccProfile(profile)
}
const avif = (profile: 'srgb' | 'p3', bitdepth: 10 | 12) =>
  red().removeAlpha().withIccProfile(profile).avif({ bitdepth, quality: 95, chromaSubsampling: '4:4:4' })

/** All of one red, by different numbers. */
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
  let door: Door
  const files = new Map<string, Buffer>()
  beforeAll(async () => {
    door = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    for (const [name, [, make]] of Object.entries(DEEP)) {
      const bytes = await make()
      files.set(name, bytes)
      await door.put(`attachments/1/${keyOf(name)}`, bytes)
      await door.put(`avatars/1/${keyOf(name)}`, bytes)
      await door.put(keyOf(name), bytes, undefined, 'uploads')
    }
  })
  afterAll(() => door.close())

  it.each(Object.entries(DEEP))('%s', async (name, [format]) => {
    for (const path of [
      `/attachments/1/${keyOf(name)}?format=png`,
      `/attachments/1/${keyOf(name)}?format=webp&quality=95&width=8`,
      // JPEG lays what is transparent on white.
      ...(name.includes('alpha') ? [] : [`/attachments/1/${keyOf(name)}?format=jpeg&quality=95`]),
      `/avatars/1/${keyOf(name)}.png?size=16`,
    ]) {
      const { status, body } = await send(door.url, path)
      expect([path, status]).toEqual([path, 200])
      expect((await sharp(body).metadata()).icc).toBeUndefined()
      expectRed(await centreOf(body), 3)
    }
    const { body } = await send(door.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: keyOf(name), isNSFWAllowed: true }),
    })
    const { r, g, b } = thumbHashToAverageRGBA(Buffer.from(JSON.parse(body.toString()).placeholder, 'base64'))
    // A hash has six bits for a colour.
    expectRed([r * 255, g * 255, b * 255], 12)
    // What a scan sees.
    const bytes = files.get(name) ?? Buffer.alloc(0)
    const info = await inspectImage(bytes, format, { limits, animated: false })
    if (isFailure(info)) throw new Error(info.detail)
    const seen = await decodePicture(bytes, info, { frame: 0, maxSidePixels: SIDE }, noStills)
    if (isFailure(seen)) throw new Error(seen.detail)
    expectRed([...seen.data.subarray(0, 3)], 2)
  })
})

function keyOf(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, '_')
}

async function centreOf(bytes: Buffer): Promise<readonly number[]> {
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
  const at = info.width < SIDE ? 0 : (CENTRE * info.width + CENTRE) * info.channels
  return [...data.subarray(at, at + 3)]
}

function expectRed(colour: readonly number[], tolerance: number): void {
  const distance = Math.max(...RED.map((value, channel) => Math.abs(value - (colour[channel] ?? 0))))
  expect([colour, distance <= tolerance]).toEqual([colour, true])
}
