import { countApngFrames, readApng } from '@media-proxy/origin/engine/process/formats/png/apng.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawRequest, type RawResponse, send } from '../http.ts'
import { openEdge, openFilesystemOrigin, openOriginBefore, openS3Origin, type Service } from '../services.ts'
import { HAS_MOTO, MOTO_SKIPPED, openMoto } from '../stores/moto.ts'
import { openS3rver } from '../stores/s3rver.ts'
import type { Case, ExpectedImage } from './case.ts'
import { testObjects } from './objects.ts'
import { TABLE } from './table.ts'

const SERVICES: readonly (readonly [name: string, open: () => Promise<Service>])[] = [
  ['the origin with a folder', openFilesystemOrigin],
  ['the origin with S3', openS3Origin],
  ['the origin with s3rver', async () => openOriginBefore(await openS3rver())],
  ...(HAS_MOTO ? [['the origin with moto', async () => openOriginBefore(await openMoto())] as const] : []),
  ['the edge', openEdge],
]

if (!HAS_MOTO) it.skip(`the origin with moto, ${MOTO_SKIPPED}`, () => undefined)

describe.each(SERVICES)('%s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open()
    for (const { key, bytes, contentType } of await testObjects()) await service.put(key, bytes, contentType)
  })
  afterAll(() => service.close())

  it.each(TABLE)('$name', async (row) => {
    // Requested twice: the first response is rendered, the
    // second may come from a cache, and they must not differ.
    const cold = await send(service.url, row.path, asked(row))
    await validate(cold, row)
    const warm = await send(service.url, row.path, asked(row))
    await validate(warm, row)
    expect(comparable(warm)).toEqual(comparable(cold))
  })

  it('gives HEAD the status and headers of GET', async () => {
    for (const path of [
      '/avatars/1/tall.png?size=32',
      '/attachments/1/digits.bin',
      '/attachments/1/logo.png',
    ]) {
      const head = await send(service.url, path, { method: 'HEAD' })
      const get = await send(service.url, path)
      expect(head.body).toHaveLength(0)
      expect({ status: head.status, ...comparable(head).headers }).toEqual({
        status: get.status,
        ...comparable(get).headers,
      })
      expect(get.headers['content-length']).toBe(String(get.body.length))
    }
  })

  it('answers 304 to its ETag and its date', async () => {
    for (const path of ['/avatars/1/land.webp?size=100', '/attachments/1/digits.bin']) {
      const { headers } = await send(service.url, path)
      const etag = headers.etag ?? ''
      const lastModified = headers['last-modified'] ?? ''
      for (const condition of [
        { 'if-none-match': etag },
        { 'if-none-match': `"other", W/${etag}` },
        { 'if-modified-since': lastModified },
      ]) {
        const again = await send(service.url, path, { headers: condition })
        expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag])
      }
    }
  })

  it('answers a range with a matching If-Range', async () => {
    for (const path of ['/avatars/1/land.webp?size=100', '/attachments/1/digits.bin']) {
      const whole = await send(service.url, path)
      for (const validator of [whole.headers.etag, whole.headers['last-modified']]) {
        const part = await send(service.url, path, {
          headers: { range: 'bytes=1-3', 'if-range': validator ?? '' },
        })
        expect(part.status).toBe(206)
        expect(part.body).toEqual(whole.body.subarray(1, 4))
      }
    }
  })

  it('answers 304 for a validator that no cache has seen before', async () => {
    const path = '/avatars/1/lastmod.webp?size=48'
    const again = await send(service.url, path, {
      headers: { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' },
    })
    expect(again.status).toBe(304)
    expect(again.headers.etag).toBe((await send(service.url, path)).headers.etag)
  })

  it('serves the original bytes when they already fit into maxbytes', async () => {
    const path = '/attachments/1/plain.jpg'
    const original = await send(service.url, path)
    const enough = await send(service.url, `${path}?maxbytes=${original.body.length}`)
    expect(enough.body.equals(original.body)).toBe(true)
    const fewer = await send(service.url, `${path}?maxbytes=${original.body.length - 1}`)
    expect(fewer.body.length).toBeLessThan(original.body.length)
  })

  it('keeps every pixel of a lossless rendition', async () => {
    const source = await sharp((await send(service.url, '/attachments/1/noise.png')).body)
      .raw()
      .toBuffer()
    for (const format of ['webp', 'png', 'avif']) {
      const rendition = await send(service.url, `/attachments/1/noise.png?format=${format}&quality=lossless`)
      expect((await sharp(rendition.body).removeAlpha().raw().toBuffer()).equals(source)).toBe(true)
    }
  })

  it('removes all metadata from a rendition', async () => {
    for (const format of ['jpeg', 'webp', 'png', 'avif', 'auto']) {
      const { body } = await send(service.url, `/attachments/1/photo.jpg?format=${format}`)
      const { exif, xmp, iptc, icc } = await sharp(body).metadata()
      expect([exif, xmp, iptc, icc]).toEqual([undefined, undefined, undefined, undefined])
    }
  })

  it('makes a smaller file for a lower quality, and the same file for a named quality', async () => {
    const sizes = await Promise.all(
      [20, 80, 95].map(async (quality) => {
        const { body } = await send(service.url, `/attachments/1/noise.png?format=webp&quality=${quality}`)
        return body.length
      }),
    )
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b))
    const [low, high] = await Promise.all(
      ['low', 'high'].map((quality) =>
        send(service.url, `/attachments/1/noise.png?format=webp&quality=${quality}`),
      ),
    )
    expect([low?.body.length, high?.body.length]).toEqual(sizes.slice(0, 2))
  })

  it('sends exactly one Content-Length, which matches the body', async () => {
    const { headers, body } = await send(service.url, '/avatars/1/land.webp?size=64')
    expect(headers['content-length']).toBe(String(body.length))
  })
})

async function validate(response: RawResponse, row: Case): Promise<void> {
  expect(response.status).toBe(row.status)
  for (const [name, value] of Object.entries(row.expect ?? {})) {
    if (typeof value === 'string') expect(response.headers[name], name).toBe(value)
    else expect(response.headers[name], name).toMatch(value)
  }
  for (const name of row.absent ?? []) expect(response.headers[name], name).toBeUndefined()
  if (typeof row.body === 'string') expect(response.body.toString()).toBe(row.body)
  else if (row.body !== undefined) expect(response.body.toString()).toMatch(row.body)
  if (row.image !== undefined) await checkImage(response.body, row.image)
}

async function checkImage(bytes: Buffer, image: ExpectedImage): Promise<void> {
  const metadata = await sharp(bytes).metadata()
  const format = metadata.format === 'heif' ? 'avif' : metadata.format
  expect({ format, width: metadata.width, height: metadata.height }).toEqual({
    format: image.format,
    width: image.width,
    height: image.height,
  })
  const animation = image.format === 'png' ? apngOf(bytes) : metadata
  if (image.frames !== undefined) expect(animation.pages ?? 1).toBe(image.frames)
  if (image.delays !== undefined) expect(animation.delay).toEqual(image.delays)
  if (image.loop !== undefined) expect(animation.loop).toBe(image.loop)
  if (image.pixels === undefined) return
  const { data, info } = await sharp(bytes).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  for (const { x, y, rgba } of image.pixels) {
    const at = (y * info.width + x) * 4
    const [red = 0, green = 0, blue = 0, alpha = 0] = data.subarray(at, at + 4)
    const transparent = rgba[3] === 0
    const found = transparent ? [0, 0, 0, alpha] : [red, green, blue, alpha]
    const worst = Math.max(...found.map((value, channel) => Math.abs(value - (rgba[channel] ?? 0))))
    expect(worst, `pixel ${x},${y} is ${found}, wanted ${rgba}`).toBeLessThanOrEqual(12)
  }
}

/** Returns the facts about an APNG that Sharp reports for animations but not for PNG. */
function apngOf(bytes: Buffer): { pages?: number; delay?: number[]; loop?: number } {
  if (countApngFrames(bytes) === 1) return {}
  const apng = readApng(bytes)
  if (isFailure(apng)) throw new Error(apng.detail)
  return { pages: apng.frames.length, delay: apng.frames.map(({ delayMs }) => delayMs), loop: apng.loop }
}

const DIFFERING_HEADERS = new Set([
  'date',
  'x-request-id',
  'x-cache',
  'server-timing',
  'connection',
  'keep-alive',
])

/** Returns the parts of a response that must be the same for every equal request. */
function comparable({ status, headers, body }: RawResponse) {
  const same = Object.entries(headers).filter(([name]) => !DIFFERING_HEADERS.has(name))
  // The telemetry response contains the current time.
  const bytes = headers['content-type'] === 'application/json' ? '' : body.toString('base64')
  return { status, headers: Object.fromEntries(same), bytes }
}

/** Returns the request of a row. */
function asked({ method = 'GET', headers = {} }: Case): RawRequest {
  return { method, headers }
}
