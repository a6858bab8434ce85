/**
 * Tests profiles of another colour space than their image, which browsers ignore unless the image is grey,
 * and profiles of grey images, which Sharp ignores.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BT709,
  greyProfile,
  rgbProfile,
  SRGB_CURVE,
} from '@media-proxy/origin/engine/process/colours/icc-profile.ts'
import { wrapInTiff } from '@media-proxy/origin/engine/process/formats/tiff/tiff-wrap.ts'
import sharp from 'sharp'
import { thumbHashToAverageRGBA } from 'thumbhash'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
const RED = [220, 30, 30] as const
const GREY = [90, 90, 90] as const
const LIGHT = [168, 168, 168] as const
const SIDE = 16

/** Builds a red of 16 bits in which both bytes of each sample are the same. */
function deepRed(profile: Uint8Array): Uint8Array {
  const data = Buffer.from(
    Array.from({ length: SIDE * SIDE }, () => RED.flatMap((level) => [level, level])).flat(),
  )
  return wrapInTiff({ data, width: SIDE, height: SIDE, channels: 3 }, profile, 16)
}

/** Builds linear grey with a profile. With four channels it has an alpha of a half. */
async function linearGrey(channels: 3 | 4): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-profile-'))
  const profile = join(directory, 'linear.icc')
  await writeFile(profile, greyProfile(1))
  const [r, g, b] = GREY
  const grey = sharp({ create: { width: SIDE, height: SIDE, channels, background: { r, g, b, alpha: 0.5 } } })
  const tiff = await grey
    .toColourspace('grey16')
    .withIccProfile(profile)
    .tiff({ compression: 'lzw' })
    .toBuffer()
  await rm(directory, { recursive: true })
  return tiff
}

/** Builds a grey JPEG with a profile, in the APP2 segment of ICC.1:2022, annex B.4. */
async function greyJpeg(profile: Uint8Array): Promise<Buffer> {
  const jpeg = await sharp(Buffer.alloc(SIDE * SIDE, 100), {
    raw: { width: SIDE, height: SIDE, channels: 1 },
  })
    .toColourspace('b-w')
    .jpeg({ quality: 100 })
    .toBuffer()
  const data = Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01', 'latin1'), profile])
  const start = Buffer.of(0xff, 0xd8, 0xff, 0xe2, (data.length + 2) >> 8, (data.length + 2) & 0xff)
  return Buffer.concat([start, data, jpeg.subarray(2)])
}

/** Builds a grey TIFF of 8 bits with a profile (TIFF 6.0, section 4; ICC.1:2022, annex B.2). */
function greyTiff(profile: Uint8Array): Buffer {
  const pixels = Buffer.alloc(SIDE * SIDE, 100)
  const [header, count, entryBytes] = [8, 10, 12]
  const pixelsAt = header + 2 + count * entryBytes + 4
  const [short, long, bytes] = [3, 4, 7]
  const entries = [
    ...[
      [256, short, 1, SIDE],
      [257, short, 1, SIDE],
      [258, short, 1, 8],
      [259, short, 1, 1],
    ],
    ...[
      [262, short, 1, 1],
      [273, long, 1, pixelsAt],
      [277, short, 1, 1],
      [278, short, 1, SIDE],
    ],
    ...[
      [279, long, 1, pixels.length],
      [34675, bytes, profile.length, pixelsAt + pixels.length],
    ],
  ] as const
  const directory = Buffer.alloc(pixelsAt)
  directory.write('II*\0\x08\0\0\0', 'latin1')
  directory.writeUInt16LE(count, header)
  for (const [index, [tag = 0, type = 0, values = 0, value = 0]] of entries.entries()) {
    const at = header + 2 + index * entryBytes
    directory.writeUInt16LE(tag, at)
    directory.writeUInt16LE(type, at + 2)
    directory.writeUInt32LE(values, at + 4)
    directory.writeUInt32LE(value, at + 8)
  }
  return Buffer.concat([directory, pixels, profile])
}

const IMAGES: Readonly<Record<string, readonly [() => Promise<Uint8Array>, readonly number[]]>> = {
  'colours-junk.tif': [async () => deepRed(Buffer.from('no profile '.repeat(20))), RED],
  'colours-grey.tif': [async () => deepRed(greyProfile(1)), RED],
  'grey.tif': [() => linearGrey(3), GREY],
  'grey-alpha.tif': [() => linearGrey(4), GREY],
  // Chromium 156 shows these greys of 100.
  'grey-linear-rgb.jpg': [() => greyJpeg(rgbProfile(BT709, 1)), LIGHT],
  'grey-linear.jpg': [() => greyJpeg(greyProfile(1)), LIGHT],
  'grey-srgb.jpg': [() => greyJpeg(rgbProfile(BT709, SRGB_CURVE)), [100, 100, 100]],
  'grey-linear-rgb.tif': [async () => greyTiff(rgbProfile(BT709, 1)), LIGHT],
  'grey-linear-8.tif': [async () => greyTiff(greyProfile(1)), LIGHT],
  // Made with avifenc; the values are those that Chromium 156 shows.
  'grey.avif': [() => readFile(join(import.meta.dirname, '../media/grey-profile.avif')), [50, 50, 50]],
}

describe('a profile', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    for (const [name, [make]] of Object.entries(IMAGES))
      await service.put(`attachments/1/${name}`, await make())
    await service.put('grey', await greyJpeg(rgbProfile(BT709, 1)), undefined, 'uploads')
  })
  afterAll(() => service.close())

  it.each(Object.entries(IMAGES))('is applied or ignored as in browsers: %s', async (name, [, colour]) => {
    for (const query of ['format=png', 'format=webp&quality=lossless']) {
      const { status, body } = await send(service.url, `/attachments/1/${name}?${query}`)
      expect(status).toBe(200)
      const shown = await sharp(body).toColourspace('srgb').removeAlpha().raw().toBuffer()
      for (const [channel, level] of colour.entries())
        expect(Math.abs((shown[channel] ?? 0) - level)).toBeLessThanOrEqual(2)
    }
  })

  it('is applied in the placeholder of a grey JPEG', async () => {
    const { body } = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: 'grey', isNSFWAllowed: true }),
    })
    const { r } = thumbHashToAverageRGBA(Buffer.from(JSON.parse(body.toString()).placeholder, 'base64'))
    // A hash has six bits per colour.
    expect(Math.abs(r * 255 - LIGHT[0])).toBeLessThanOrEqual(8)
  })
})
