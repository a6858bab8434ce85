/** Tests truncated and corrupt files, such as interrupted downloads: the data that exists is shown. */

import { deflateSync, inflateSync } from 'node:zlib'
import {
  encodePngChunk,
  PNG_SIGNATURE,
  pngChunks,
} from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import sharp, { type Metadata } from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedGif, movingPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { meanDifference } from '../pixels.ts'
import { seededRandom } from '../seeded-random.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
const [WIDTH, HEIGHT] = [160, 120]
/** Red grows to the right, green downwards, blue is a chequerboard. */
const PIXELS = Buffer.from(
  Array.from({ length: WIDTH * HEIGHT }, (_, at) => {
    const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)]
    return [x, 2 * y, ((x >> 3) ^ (y >> 3)) & 1 ? 200 : 40]
  }).flat(),
)
const image = () => sharp(PIXELS, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
const start = (bytes: Buffer, share: number) => bytes.subarray(0, Math.floor(bytes.length * share))
const jpeg = (progressive = false) => image().jpeg({ quality: 90, progressive }).toBuffer()
const png = (progressive = false) => image().png({ progressive }).toBuffer()
const gif = (progressive = false) => image().gif({ colours: 256, dither: 0, progressive }).toBuffer()

/** Builds a PNG with its data in several chunks, one of which has a wrong checksum. */
async function wrongChecksum(id: 'IHDR' | 'IDAT'): Promise<Buffer> {
  const chunks = [...pngChunks(await png())].flatMap((chunk) =>
    chunk.id === 'IDAT'
      ? [chunk.data.subarray(0, 1000), chunk.data.subarray(1000)].map((data) => ({ id: chunk.id, data }))
      : [chunk],
  )
  const encoded = chunks.map((chunk) => {
    const bytes = Buffer.from(encodePngChunk(chunk.id, chunk.data))
    if (chunk.id === id) bytes.writeUInt32BE(1, bytes.length - 4)
    return bytes
  })
  return Buffer.concat([PNG_SIGNATURE, ...encoded])
}

interface BrokenPngOptions {
  readonly end?: string
  readonly progressive?: boolean
  /** Whether the chunks have correct checksums. Corruption leaves wrong ones. */
  readonly checksums?: 'correct' | 'wrong'
}

/** Builds a PNG whose chunks are complete, but whose data or end is invalid. */
async function brokenPng(
  damage: (data: Buffer) => Buffer,
  { end = 'IEND', progressive = false, checksums = 'wrong' }: BrokenPngOptions = {},
): Promise<Buffer> {
  const [header, ...rest] = [...pngChunks(await png(progressive))]
  const data = damage(Buffer.concat(rest.filter(({ id }) => id === 'IDAT').map((chunk) => chunk.data)))
  const chunk = Buffer.from(encodePngChunk('IDAT', data))
  if (checksums === 'wrong') chunk.writeUInt32BE(1, chunk.length - 4)
  return Buffer.concat([
    PNG_SIGNATURE,
    encodePngChunk('IHDR', header?.data ?? Buffer.alloc(0)),
    chunk,
    encodePngChunk(end),
  ])
}

const firstHalf = (data: Buffer) => start(data, 0.5)

/** Corrupts the last four bytes, a checksum over the pixels. */
const withWrongSum = (data: Buffer) => Buffer.from(data).fill(7, data.length - 4)

/** Gives the middle row an invalid filter number. */
function withUnknownFilter(data: Buffer): Buffer {
  const rows = inflateSync(data)
  rows[(HEIGHT / 2) * (1 + 3 * WIDTH)] = 9
  return deflateSync(rows)
}

async function withInvalidName(): Promise<Buffer> {
  const bytes = await png()
  const headEnd = [...pngChunks(bytes)][0]?.end ?? 0
  return Buffer.concat([bytes.subarray(0, headEnd), encodePngChunk('a CD'), bytes.subarray(headEnd)])
}

/** Builds a JPEG with faults that libjpeg warns about: an unknown revision, and corrupt data. */
async function withFaults(): Promise<Buffer> {
  const application = Buffer.from('\xff\xe0\0\x10JFIF\0\xff\x01\0\0\x01\0\x01\0\0', 'latin1')
  const bytes = await flipped(await jpeg())
  return Buffer.concat([bytes.subarray(0, 2), application, bytes.subarray(2)])
}

async function flipped(bytes: Buffer): Promise<Buffer> {
  return Buffer.from(bytes).fill(0x77, bytes.length >> 1, (bytes.length >> 1) + 8)
}

/** Builds a progressive JPEG with a marker written at this share of its length. */
async function withMarker(share: number, marker: number): Promise<Buffer> {
  const bytes = Buffer.from(await jpeg(true))
  bytes.set([0xff, marker], Math.floor(bytes.length * share))
  return bytes
}

/** Overwrites some bytes with 0xff. In a GIF this makes LZW codes that are not in the table yet. */
function overwritten(bytes: Buffer): Buffer {
  const at = Math.floor(bytes.length * 0.7)
  return Buffer.from(bytes).fill(0xff, at, at + 8)
}

/** Each with the share of its rows that have to be right. */
const SHOWN: Readonly<Record<string, readonly [() => Promise<Buffer>, number]>> = {
  'JPEG without its end': [async () => (await jpeg()).subarray(0, -2), 0.9],
  'JPEG of 70 %': [async () => start(await jpeg(), 0.7), 0.5],
  'progressive JPEG of 70 %': [async () => start(await jpeg(true), 0.7), 0.9],
  'progressive JPEG with an unknown marker': [() => withMarker(0.7, 0x40), 0.9],
  'progressive JPEG with a second start': [() => withMarker(0.7, 0xd8), 0.9],
  'progressive JPEG with a broken table': [() => withMarker(0.7, 0xc4), 0.9],
  'PNG of 50 %': [async () => start(await png(), 0.5), 0.3],
  'PNG without its end': [async () => (await png()).subarray(0, -12), 1],
  'interlaced PNG of 97 %': [async () => start(await png(true), 0.97), 0.5],
  'PNG with a wrong checksum': [() => wrongChecksum('IDAT'), 1],
  'PNG with a wrong checksum of its header': [() => wrongChecksum('IHDR'), 1],
  'PNG with broken data': [async () => flipped(await png()), 0.3],
  'PNG with a wrong sum of its data': [() => brokenPng(withWrongSum), 1],
  'PNG with an unknown filter': [() => brokenPng(withUnknownFilter), 0.5],
  'PNG with an ancillary chunk whose name is invalid': [withInvalidName, 1],
  'PNG with an unknown chunk for its end': [() => brokenPng((data) => data, { end: 'kEND' }), 1],
  'PNG with correct checksums and a wrong sum of its data': [
    () => brokenPng(withWrongSum, { checksums: 'correct' }),
    1,
  ],
  'PNG with correct checksums and an unknown filter': [
    () => brokenPng(withUnknownFilter, { checksums: 'correct' }),
    0.5,
  ],
  'PNG with correct checksums and corrupt data': [
    () => brokenPng((data) => Buffer.from(data).fill(0x77, data.length >> 1), { checksums: 'correct' }),
    0.3,
  ],
  'PNG with correct checksums and half of its data': [
    () => brokenPng(firstHalf, { checksums: 'correct' }),
    0.3,
  ],
  'PNG with correct checksums and half of its rows': [
    () => brokenPng((data) => deflateSync(firstHalf(inflateSync(data))), { checksums: 'correct' }),
    0.49,
  ],
  'JPEG with several faults': [withFaults, 0.45],
  'GIF of 50 %': [async () => start(await gif(), 0.5), 0.3],
  'GIF with a code that cannot be': [async () => overwritten(await gif()), 0.5],
  'interlaced GIF of 50 %': [async () => start(await gif(true), 0.5), 0.9],
  'GIF without its last bytes': [async () => (await gif()).subarray(0, -2), 0.9],
}

/** Files with only a header, or with nothing that their decoder could show. */
const EMPTY: Readonly<Record<string, () => Promise<Buffer>>> = {
  'JPEG without a scan': async () => {
    const bytes = await jpeg()
    const scan = bytes.indexOf(Buffer.from([0xff, 0xda]))
    return Buffer.concat([bytes.subarray(0, scan + 14), Buffer.from([0xff, 0xd9])])
  },
  'PNG without data': async () => (await png()).subarray(0, 60),
  'PNG of zeros': async () => {
    const bytes = await png()
    const chunks = [...pngChunks(bytes)].map(({ id, data }) =>
      encodePngChunk(id, id === 'IDAT' ? Buffer.alloc(data.length) : data),
    )
    return Buffer.concat([PNG_SIGNATURE, ...chunks])
  },
  'lossless WebP that is broken inside': async () =>
    overwritten(await image().webp({ lossless: true }).toBuffer()),
  'WebP with alpha that is broken inside': async () => {
    const bytes = Buffer.from(await image().ensureAlpha(0.5).webp({ quality: 90 }).toBuffer())
    const at = bytes.indexOf('ALPH')
    return bytes.fill(0xff, at + 9, at + 12)
  },
  'GIF without a frame': async () => (await gif()).subarray(0, 30),
}

describe('damaged images', () => {
  let service: Service
  const files = new Map<string, string>()
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    const makers = [
      ...Object.entries(SHOWN).map(([name, [make]]) => [name, make] as const),
      ...Object.entries(EMPTY),
      ['GIF of three frames, of 70 %', async () => start(await animatedGif(80, 60), 0.7)] as const,
      ['APNG of three frames, without its last', withoutLastFrame] as const,
    ]
    for (const [index, [name, make]] of makers.entries()) {
      const bytes = await make()
      const file = `d${index}`
      files.set(name, file)
      await service.put(`attachments/1/${file}`, bytes)
      await service.put(`avatars/1/${file}`, bytes)
      await service.put(file, bytes, undefined, 'uploads')
    }
  })
  afterAll(() => service.close())

  const get = (path: string) => send(service.url, path)
  const post = (route: string, file: string) =>
    send(service.url, route, {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: file, isNSFWAllowed: true }),
    })

  it.each(Object.entries(SHOWN))('%s is shown up to the damage', async (name, [, share]) => {
    const file = files.get(name)
    for (const path of [
      `/attachments/1/${file}?format=png&quality=lossless`,
      `/avatars/1/${file}.png?size=256`,
      `/avatars/1/${file}.jpg?size=256`,
      `/avatars/1/${file}.gif?size=256`,
    ]) {
      const { status, body } = await get(path)
      expect([path, status]).toEqual([path, 200])
      const { data, info } = await sharp(body, { failOn: 'none', unlimited: true })
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true })
      expect([info.width, info.height]).toEqual([WIDTH, HEIGHT])
      const shown = Math.floor(HEIGHT * share) * WIDTH * 3
      // JPEG and GIF blur the chequerboard. A missing row differs by 60.
      expect(meanDifference(data.subarray(0, shown), PIXELS.subarray(0, shown))).toBeLessThan(20)
    }
    const metadata = await post('/_metadata', String(file))
    expect([metadata.status, JSON.parse(metadata.body.toString())]).toMatchObject([
      200,
      { width: WIDTH, height: HEIGHT },
    ])
    const frames = await post('/_frames', String(file))
    expect([frames.status, JSON.parse(frames.body.toString()).frames.length]).toEqual([200, 1])
  })

  it.each([
    'PNG of 50 %',
    'PNG with correct checksums and an unknown filter',
    'PNG with correct checksums and corrupt data',
    'PNG with correct checksums and half of its data',
    'PNG with correct checksums and half of its rows',
  ])('%s has transparent pixels where rows are missing, as in browsers', async (name) => {
    const { body } = await get(`/attachments/1/${files.get(name)}?format=png&quality=lossless`)
    const data = await sharp(body).raw().toBuffer()
    expect([data[3], data.at(-1)]).toEqual([255, 0])
  })

  it('an interlaced PNG with correct checksums and 97 % of its data is shown', async () => {
    const bytes = await brokenPng((data) => start(data, 0.97), { progressive: true, checksums: 'correct' })
    await service.put('attachments/1/interlaced', bytes)
    const { body } = await get('/attachments/1/interlaced?format=png&quality=lossless')
    const data = await sharp(body).removeAlpha().raw().toBuffer()
    const shown = (HEIGHT / 2) * WIDTH * 3
    expect(meanDifference(data.subarray(0, shown), PIXELS.subarray(0, shown))).toBeLessThan(20)
  })

  it('an icon with such a PNG has transparent pixels where rows are missing', async () => {
    const entry = await brokenPng(firstHalf, { checksums: 'correct' })
    const directory = Buffer.alloc(22)
    directory.set([0, 0, 1, 0, 1, 0, WIDTH, HEIGHT, 0, 0, 1, 0, 32])
    directory.writeUInt32LE(entry.length, 14)
    directory.writeUInt32LE(22, 18)
    await service.put('attachments/1/icon', Buffer.concat([directory, entry]))
    const { body } = await get('/attachments/1/icon?format=png')
    const data = await sharp(body).raw().toBuffer()
    expect([data[3], data.at(-1)]).toEqual([255, 0])
  })

  it('an animated PNG whose first frame is broken is a still image on every route', async () => {
    const chunks = [...pngChunks(await movingPng(80, 60))].map(({ id, data }) =>
      encodePngChunk(id, id === 'IDAT' ? deflateSync(firstHalf(inflateSync(data))) : data),
    )
    await service.put('attachments/1/moving', Buffer.concat([PNG_SIGNATURE, ...chunks]))
    await service.put('moving', Buffer.concat([PNG_SIGNATURE, ...chunks]), undefined, 'uploads')
    const { body } = await get('/attachments/1/moving?animated=true&format=webp&quality=lossless')
    expect(framesOf(body, await sharp(body).metadata())).toBe(1)
    const data = await sharp(body).raw().toBuffer()
    expect([data[0], data[3], data.at(-1)]).toEqual([255, 255, 0])
    const [metadata, frames] = [await post('/_metadata', 'moving'), await post('/_frames', 'moving')]
    expect(JSON.parse(metadata.body.toString())).toMatchObject({ width: 80, height: 60, animated: false })
    expect(JSON.parse(frames.body.toString()).frames).toHaveLength(1)
  })

  it('a large PNG with half of its rows is admitted again for its repair', async () => {
    const [width, height] = [4000, 3000]
    const header = Buffer.of(0, 0, width >> 8, width & 255, 0, 0, height >> 8, height & 255, 8, 2, 0, 0, 0)
    const rows = Buffer.alloc((height / 2) * (1 + 3 * width))
    for (let row = 0; row < height / 2; row += 1)
      rows.fill(200, row * (1 + 3 * width) + 1, (row + 1) * (1 + 3 * width))
    const chunks = [
      encodePngChunk('IHDR', header),
      encodePngChunk('IDAT', deflateSync(rows)),
      encodePngChunk('IEND'),
    ]
    await service.put('attachments/1/large', Buffer.concat([PNG_SIGNATURE, ...chunks]))
    const { status, body } = await get('/attachments/1/large?width=40&format=png')
    expect(status).toBe(200)
    const data = await sharp(body).raw().toBuffer()
    expect([data[0], data[3], data.at(-1)]).toEqual([200, 255, 0])
  })

  it.each(Object.keys(EMPTY))('%s is rejected in the same way on every route', async (name) => {
    const file = String(files.get(name))
    const statuses = []
    for (const path of [
      `/attachments/1/${file}?format=png&quality=lossless`,
      `/attachments/1/${file}?width=${WIDTH}`,
      `/attachments/1/${file}?format=webp`,
      `/avatars/1/${file}.png?size=256`,
      `/avatars/1/${file}.webp`,
    ])
      statuses.push((await get(path)).status)
    statuses.push((await post('/_metadata', file)).status)
    expect(statuses).toEqual([400, 400, 400, 500, 500, 400])
  })

  it.each([
    ['GIF of three frames, of 70 %', 'webp'],
    ['APNG of three frames, without its last', 'png'],
    ['APNG of three frames, without its last', 'webp'],
  ])('%s plays its existing frames, in %s', async (name, format) => {
    const { status, body } = await get(`/attachments/1/${files.get(name)}?animated=true&format=${format}`)
    expect(status).toBe(200)
    expect(framesOf(body, await sharp(body).metadata())).toBe(2)
    const metadata = await post('/_metadata', String(files.get(name)))
    expect(JSON.parse(metadata.body.toString())).toMatchObject({ animated: true })
  })
})

describe('a GIF with broken bytes', () => {
  it('is rendered or rejected on every route, and never causes an exception', async () => {
    const service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    const random = seededRandom(3)
    const whole = await animatedGif(40, 30)
    const statuses = new Set<number>()
    for (let round = 0; round < 60; round += 1) {
      const bytes = Buffer.from(whole)
      for (let broken = 0; broken < 3; broken += 1)
        bytes[Math.floor(random() * bytes.length)] = 256 * random()
      await service.put(`attachments/1/${round}.gif`, bytes)
      await service.put(`${round}`, bytes, undefined, 'uploads')
      for (const route of ['/_metadata', '/_frames']) {
        const { status } = await send(service.url, route, {
          method: 'POST',
          headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
          body: JSON.stringify({ type: 'upload', upload_filename: `${round}`, isNSFWAllowed: true }),
        })
        statuses.add(status)
      }
      const path = `/attachments/1/${round}.gif?format=webp&animated=true`
      statuses.add((await send(service.url, path)).status)
    }
    await service.close()
    expect([...statuses].toSorted()).toEqual([200, 400])
  })
})

async function withoutLastFrame(): Promise<Buffer> {
  const bytes = await movingPng(80, 60)
  return bytes.subarray(0, bytes.lastIndexOf('fdAT') + 12)
}

function framesOf(bytes: Buffer, { pages = 1, format }: Metadata): number {
  return format === 'png' ? [...pngChunks(bytes)].filter(({ id }) => id === 'fcTL').length : pages
}
