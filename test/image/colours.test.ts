/** Tests that images are rendered in sRGB as browsers show them, however they declare their colours. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { BT709, rgbProfile } from '@media-proxy/origin/engine/process/colours/icc-profile.ts'
import {
  encodePngChunk,
  PNG_SIGNATURE,
  pngChunks,
} from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import { decodeImage } from '@media-proxy/origin/engine/process/image/decode.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { thumbHashToAverageRGBA } from 'thumbhash'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noStills } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { inspectImage } from './inspect-image.ts'

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

/** Builds a PNG that declares its colours by other chunks than a profile. */
async function declaredPng(
  colours: readonly Uint8Array[],
  { deep = false, grey = false, dim = false } = {},
): Promise<Buffer> {
  const opened = grey
    ? sharp(GREYS, { raw: { width: GREYS.length, height: 1, channels: 1 } })
    : red()
        .removeAlpha()
        .linear(dim ? [0.5, 2, 2] : [1, 1, 1], [0, 0, 0])
  const png = await opened
    .toColourspace(grey ? (deep ? 'grey16' : 'b-w') : deep ? 'rgb16' : 'srgb')
    .png()
    .toBuffer()
  const [header, ...rest] = [...pngChunks(png)].filter(({ id }) => ['IHDR', 'IDAT', 'IEND'].includes(id))
  if (header === undefined) throw new Error('no header')
  const encoded = [header, ...rest].map(({ id, data }) => encodePngChunk(id, data))
  return Buffer.concat([PNG_SIGNATURE, ...encoded.slice(0, 1), ...colours, ...encoded.slice(1)])
}

const GREYS = Buffer.from(Array.from({ length: SIDE }, () => 100))
const cicp = (primaries: number, transfer: number) =>
  encodePngChunk('cICP', Uint8Array.of(primaries, transfer, 0, 1))
const gama = (value: number) => encodePngChunk('gAMA', uint32(value))
const chrm = (...values: readonly number[]) => encodePngChunk('cHRM', ...values.map(uint32))
const iccp = (profile: Uint8Array) =>
  encodePngChunk('iCCP', Buffer.from('name\0\0', 'latin1'), deflateSync(profile))
const withWrongChecksum = (chunk: Uint8Array) => Buffer.from(chunk).fill(7, chunk.length - 4)
const palette = encodePngChunk('PLTE', Uint8Array.of(0, 0, 0))
const P3 = chrm(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Adds code points to a profile (cicpTag, ICC.1:2022, section 9.2.17). */
function withCodePoints(icc: Buffer, primaries: number, transfer: number): Buffer {
  const [head, count] = [icc.subarray(0, 128), icc.readUInt32BE(128)]
  const table = Buffer.from(icc.subarray(132, 132 + 12 * count))
  for (let tag = 0; tag < count; tag += 1)
    table.writeUInt32BE(table.readUInt32BE(12 * tag + 4) + 12, 12 * tag + 4)
  const data = icc.subarray(132 + 12 * count)
  const entry = [Buffer.from('cicp', 'latin1'), uint32(icc.length + 12), uint32(12)]
  const points = [Buffer.from('cicp\0\0\0\0', 'latin1'), Uint8Array.of(primaries, transfer, 0, 1)]
  return Buffer.concat([head, uint32(count + 1), table, ...entry, data, ...points])
}

/** Reads a file that avifenc made of one red (220, 30, 30), or of the colour in its name. */
const media = (name: string) => readFile(join(import.meta.dirname, `../media/${name}.avif`))

/** What Chromium 156 shows for (220, 30, 30), or for a grey of 100. */
const DECLARED: Readonly<
  Record<string, readonly [() => Promise<Buffer>, readonly [number, number, number]]>
> = {
  'cICP of sRGB': [() => declaredPng([cicp(1, 13)]), RED],
  'cICP of Display P3': [() => declaredPng([cicp(12, 13)]), [240, 0, 0]],
  'cICP of Display P3, 16 bits': [() => declaredPng([cicp(12, 13)], { deep: true }), [240, 0, 0]],
  'cICP of linear light': [() => declaredPng([cicp(1, 8)]), [239, 95, 95]],
  'cICP before sRGB and gAMA': [
    () => declaredPng([cicp(1, 8), encodePngChunk('sRGB', Uint8Array.of(0)), gama(45455)]),
    [239, 95, 95],
  ],
  'gAMA of linear light': [() => declaredPng([gama(100000)]), [239, 95, 95]],
  'gAMA of linear light, 16 bits': [() => declaredPng([gama(100000)], { deep: true }), [239, 95, 95]],
  'sRGB before gAMA': [() => declaredPng([encodePngChunk('sRGB', Uint8Array.of(0)), gama(100000)]), RED],
  'gAMA and cHRM of Display P3': [() => declaredPng([gama(45455), P3]), [241, 0, 0]],
  'cHRM alone': [() => declaredPng([P3]), RED],
  'gAMA of grey': [() => declaredPng([gama(100000)], { grey: true }), [168, 168, 168]],
  'gAMA of grey, 16 bits': [() => declaredPng([gama(100000)], { grey: true, deep: true }), [168, 168, 168]],
  'gAMA of linear light behind code points that leave it open': [
    () => declaredPng([cicp(2, 2), gama(100000)]),
    [239, 95, 95],
  ],
  'gAMA of linear light behind code points of limited range': [
    () => declaredPng([encodePngChunk('cICP', Uint8Array.of(12, 13, 0, 0)), gama(100000)]),
    [239, 95, 95],
  ],
  'gAMA of linear light behind what is no profile': [
    () => declaredPng([encodePngChunk('iCCP', Buffer.from('junk\0\0junk')), gama(100000)]),
    [239, 95, 95],
  ],
  'gAMA of linear light with primaries of nothing': [
    () => declaredPng([gama(100000), chrm(...Array(8).fill(0))]),
    RED,
  ],
  'gAMA of linear light with a byte too much': [
    () => declaredPng([encodePngChunk('gAMA', uint32(100000), Buffer.alloc(1))]),
    RED,
  ],
  'gAMA of linear light with a wrong checksum': [() => declaredPng([withWrongChecksum(gama(100000))]), RED],
  'cICP of linear light behind a palette': [() => declaredPng([palette, cicp(1, 8)]), RED],
  'gAMA of linear light behind a palette': [() => declaredPng([palette, gama(100000)]), [239, 95, 95]],
  'profile of linear light behind a palette': [
    () => declaredPng([palette, iccp(rgbProfile(BT709, 1))]),
    [239, 95, 95],
  ],
  'profile of linear light behind sRGB and a palette, 16 bits': [
    () =>
      declaredPng([encodePngChunk('sRGB', Uint8Array.of(0)), palette, iccp(rgbProfile(BT709, 1))], {
        deep: true,
      }),
    [239, 95, 95],
  ],
  'what is no profile, 16 bits': [
    () => declaredPng([iccp(Buffer.from('no profile '.repeat(20)))], { deep: true }),
    RED,
  ],
  'grey with a profile of linear colours': [
    () => declaredPng([iccp(rgbProfile(BT709, 1))], { grey: true }),
    [168, 168, 168],
  ],
  'AVIF of sRGB': [() => media('tagged-srgb'), RED],
  'AVIF of BT.709': [() => media('tagged-television'), RED],
  'AVIF of Display P3': [() => media('tagged-p3'), [240, 0, 0]],
  'AVIF of Display P3, 10 bits': [() => media('tagged-p3-deep'), [240, 0, 0]],
  'AVIF of linear light': [() => media('tagged-linear'), [239, 95, 95]],
}

/** The position of the byte with the range flag, from the type of the code points. */
const NCLX_RANGE_AT = 10

describe('colours declared without a profile', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    for (const [name, [make]] of Object.entries(DECLARED)) {
      const bytes = await make()
      await service.put(`attachments/1/${keyOf(name)}`, bytes)
      await service.put(`avatars/1/${keyOf(name)}`, bytes)
    }
    for (const name of ['grey-limited', 'premultiplied'])
      await service.put(`attachments/1/${name}`, await media(name))
    for (const name of ['grey-limited', 'unspecified-limited']) {
      const bytes = await media(name)
      bytes[bytes.indexOf('nclx') + NCLX_RANGE_AT] = 0x80
      await service.put(`attachments/1/${name}-declared-full`, bytes)
    }
    await service.put('attachments/1/pq.png', await declaredPng([cicp(9, 16)]))
    await service.put('attachments/1/hlg.png', await declaredPng([cicp(9, 18)], { deep: true }))
    await service.put('attachments/1/pq.avif', await media('tagged-pq'))
    const dimly = { deep: true, dim: true }
    const forOthers = iccp(rgbProfile(BT709, 2.2))
    await service.put('attachments/1/pq-deep.png', await declaredPng([cicp(9, 16)], dimly))
    await service.put('attachments/1/pq-profiled.png', await declaredPng([cicp(9, 16), forOthers], dimly))
    const profile = withCodePoints(rgbProfile(BT709, 2.2), 9, 16)
    await service.put('attachments/1/pq-points-of-profile.png', await declaredPng([iccp(profile)], dimly))
  })
  afterAll(() => service.close())

  it.each(Object.entries(DECLARED))('are shown as Chromium shows them: %s', async (name, [, colour]) => {
    for (const path of [
      `/attachments/1/${keyOf(name)}?format=png`,
      `/attachments/1/${keyOf(name)}?format=webp&quality=lossless&width=8`,
      `/avatars/1/${keyOf(name)}.png?size=16`,
    ]) {
      const { status, body } = await send(service.url, path)
      expect([path, status]).toEqual([path, 200])
      const { data } = await sharp(body).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
      expectColour([...data.subarray(0, 3)], colour, 3)
    }
  })

  it('for HDR take precedence over the fallback profile', async () => {
    const colourOf = async (name: string) => {
      const { status, body } = await send(service.url, `/attachments/1/${name}?format=png`)
      expect(status).toBe(200)
      return [...(await sharp(body).raw().toBuffer()).subarray(0, 3)]
    }
    expect(await colourOf('pq-profiled.png')).toEqual(await colourOf('pq-deep.png'))
    expect(await colourOf('pq-points-of-profile.png')).toEqual(await colourOf('pq-deep.png'))
  })

  it('of grey in limited range fill the whole range', async () => {
    const { body } = await send(service.url, '/attachments/1/grey-limited?format=png')
    const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true })
    const last = data.subarray(-info.channels)
    expect([data[0], Math.abs((last[0] ?? 0) - 200) < 3]).toEqual([0, true])
  })

  it('the range of an AVIF is the one that its code points declare, whatever its stream does', async () => {
    const cornersOf = async (name: string) => {
      const { status, body } = await send(service.url, `/attachments/1/${name}?format=png`)
      expect(status).toBe(200)
      const data = await sharp(body).toColourspace('srgb').removeAlpha().raw().toBuffer()
      return [[...data.subarray(0, 3)], [...data.subarray(-3)]] as const
    }
    // Measured with libavif.
    const [black, grey] = await cornersOf('grey-limited-declared-full')
    expectColour(black, [16, 16, 16], 2)
    expectColour(grey, [188, 188, 188], 2)
    expectColour((await cornersOf('unspecified-limited-declared-full'))[0], [238, 14, 14], 3)
  })

  it('that are premultiplied by their alpha are divided by it', async () => {
    const { body } = await send(service.url, '/attachments/1/premultiplied?format=png')
    const data = await sharp(body).raw().toBuffer()
    expectColour([...data.subarray(0, 4)], [220, 120, 30, 128], 3)
  })

  it.each(['pq.png', 'hlg.png', 'pq.avif'])('of %s are tone mapped and stay saturated', async (file) => {
    const { status, body } = await send(service.url, `/attachments/1/${file}?format=png`)
    expect(status).toBe(200)
    const [r = 0, g = 0, b = 0] = await sharp(body).raw().toBuffer()
    expect([r > 180, r - g > 150, r - b > 150]).toEqual([true, true, true])
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
  expectColour(colour, RED, tolerance)
}

function expectColour(colour: readonly number[], wanted: readonly number[], tolerance: number): void {
  const distance = Math.max(...wanted.map((value, channel) => Math.abs(value - (colour[channel] ?? 0))))
  expect([colour, distance <= tolerance]).toEqual([colour, true])
}
