/**
 * Objects stored with a `Content-Encoding`, at the origin and at the edge:
 * length, ranges and bytes have to refer to the same encoding. It uses s3rver,
 * because the S3 endpoint of miniflare encodes such objects once more.
 */

import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPlainWorker } from '../edge/plain-worker.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { pipelined } from '../raw-exchange.ts'
import { openEdgeBefore, openOriginBefore, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { bombOf, brokenOf, encodedOf, MIB, textOf } from './encodings.ts'
import type { S3Server } from './s3-server.ts'
import { openS3rver } from './s3rver.ts'

const STATIC = { MEDIA_PROXY_STATIC_MODE: 'true', MEDIA_PROXY_NODE_ENV: 'test', MEDIA_PROXY_ORIGIN_URL: '' }
const LIMIT = 3 * MIB
const SETTINGS = { MEDIA_PROXY_SECRET_KEY: 'secret', MEDIA_PROXY_LIMITS_SOURCE_BYTES: String(LIMIT) }

interface Place {
  readonly url: string
  /** Stores an object and returns the path that serves it. */
  put(name: string, bytes: Uint8Array, headers: Readonly<Record<string, string>>): Promise<string>
  close(): Promise<unknown>
}

async function originPlace(
  prefix: string,
): Promise<Place & { readonly service: Service; readonly s3: S3Server }> {
  const s3 = await openS3rver()
  const service = await openOriginBefore(s3, SETTINGS)
  return { ...placeOf(service.url, s3, prefix), service, s3, close: service.close }
}

function placeOf(url: string, s3: S3Server, prefix: string): Omit<Place, 'close'> {
  return {
    url,
    async put(name, bytes, headers) {
      await s3.putWith(`${prefix}${name}`, bytes, headers)
      return `/${prefix}${name}`
    },
  }
}

async function edgePlace(): Promise<Place> {
  const { service, s3 } = await originPlace('attachments/1/')
  const edge = await openEdgeBefore(service, SETTINGS)
  return { ...placeOf(edge.url, s3, 'attachments/1/'), close: edge.close }
}

const openWorker = (bindings: Readonly<Record<string, string>>, r2Buckets: readonly string[] = []) =>
  openPlainWorker({ ...STATIC, ...SETTINGS, ...bindings }, r2Buckets)

async function staticS3(): Promise<Place> {
  const s3 = await openS3rver()
  const { url, close } = await openWorker({
    MEDIA_PROXY_S3_ENDPOINT: s3.endpoint,
    MEDIA_PROXY_S3_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    MEDIA_PROXY_S3_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  })
  return {
    url,
    async put(name, bytes, headers) {
      await s3.putWith(name, bytes, headers, 'static')
      return `/${name}`
    },
    async close() {
      await close()
      await s3.close()
    },
  }
}

/** A static site from an R2 bucket that is bound to the worker. */
async function staticR2(): Promise<Place> {
  const { url, worker, close } = await openWorker({}, ['STATIC'])
  const bucket = await worker.getR2Bucket('STATIC')
  return {
    url,
    async put(name, bytes, headers) {
      const httpMetadata = {
        contentType: headers['content-type'] ?? '',
        contentEncoding: headers['content-encoding'] ?? '',
      }
      await bucket.put(name, bytes, { httpMetadata })
      return `/${name}`
    },
    close,
  }
}

const PLACES = [
  ['the origin', () => originPlace('attachments/1/')],
  ['the edge', edgePlace],
  ['the edge alone with S3', staticS3],
  ['the edge alone with R2', staticR2],
] as const

describe.each(PLACES)('an encoded object at %s', (_, open) => {
  let place: Place

  beforeAll(async () => {
    place = await open()
  })
  afterAll(() => place.close())

  const SMALL = textOf(32_000)

  it.each(encodedOf(SMALL).map((encoded, index) => ({ ...encoded, index })))(
    'with $coding ($index) is served decoded, with the length and ranges of the decoded bytes',
    async ({ coding, stored, plain, index }) => {
      const type = { 'content-type': 'text/plain', 'content-encoding': coding }
      const path = await place.put(`text-${index}.txt`, stored, type)
      const head = await send(place.url, path, { method: 'HEAD' })
      const beyondStored = `bytes=${plain.length - 10}-`
      const part = await send(place.url, path, { headers: { range: beyondStored } })
      const suffix = await send(place.url, path, { headers: { range: 'bytes=-5' } })
      const behind = await send(place.url, path, { headers: { range: `bytes=${plain.length}-` } })
      const whole = await send(place.url, path)
      const again = await send(place.url, path)
      for (const { status, body, headers } of [whole, again]) {
        expect([status, headers['content-length']]).toEqual([200, String(plain.length)])
        expect(body.equals(plain)).toBe(true)
        expect(headers['content-encoding']).toBeUndefined()
      }
      expect([head.status, head.headers['content-length']]).toEqual([200, String(plain.length)])
      expect([part.status, part.body.toString()]).toEqual([206, Buffer.from(plain.subarray(-10)).toString()])
      expect([suffix.status, suffix.body.length]).toEqual([206, 5])
      expect([behind.status, behind.headers['content-range']]).toEqual([416, `bytes */${plain.length}`])
      const same = await send(place.url, path, { headers: { 'if-none-match': whole.headers.etag ?? '' } })
      expect([same.status, same.body.length]).toEqual([304, 0])
    },
  )

  it('that is large is served whole, without a length and without ranges', async () => {
    const plain = textOf(2 * MIB)
    const type = { 'content-type': 'text/plain', 'content-encoding': 'gzip' }
    const path = await place.put('large.txt', gzipSync(plain), type)
    for (const range of [{}, { range: 'bytes=5-9' }, { range: 'bytes=1500000-' }]) {
      const { status, body, headers } = await send(place.url, path, { headers: range })
      expect([status, headers['content-length'], headers['content-range'], headers['accept-ranges']]).toEqual(
        [200, undefined, undefined, 'none'],
      )
      expect(body.equals(plain)).toBe(true)
    }
    const head = await send(place.url, path, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, undefined])
  })

  it('that is empty is served as empty', async () => {
    const path = await place.put('empty.txt', new Uint8Array(), { 'content-encoding': 'gzip' })
    const { status, body, headers } = await send(place.url, path)
    expect([status, body.length, headers['content-length']]).toEqual([200, 0, '0'])
  })

  it.each(brokenOf(SMALL).map((broken, index) => ({ ...broken, index })))(
    'that is not valid $coding ($index) causes an error, and no partial body',
    async ({ coding, stored, index }) => {
      const path = await place.put(`broken-${index}.txt`, stored, { 'content-encoding': coding })
      for (const range of [{}, { range: 'bytes=0-9' }]) {
        const { status, body } = await send(place.url, path, { headers: range })
        expect([status, body.toString()]).toEqual([500, 'Internal Server Error'])
      }
      expect((await send(place.url, path, { method: 'HEAD' })).status).toBe(500)
    },
  )

  it('that decodes to more than the limit breaks off', async () => {
    const path = await place.put('bomb.txt', bombOf(8 * MIB), { 'content-encoding': 'gzip' })
    const broken = await send(place.url, path).then(
      ({ body }) => body.length,
      () => 'broken off' as const,
    )
    // At the edge, the runtime ends a response without a
    // length as if it were complete, even when it broke off.
    expect(broken === 'broken off' || broken <= LIMIT).toBe(true)
  })

  it('cannot inject a response into the connection', async () => {
    const forged = 'HTTP/1.1 200 OK\r\nX-Forged: yes\r\nContent-Length: 6\r\n\r\nforged'
    const plain = Buffer.concat([Buffer.alloc(500, 'a'), Buffer.from(forged), Buffer.alloc(500, 'b')])
    const path = await place.put('smuggled.txt', gzipSync(plain), {
      'content-type': 'text/plain',
      'content-encoding': 'gzip',
    })
    const answers = await pipelined(place.url, path, '/_health')
    const [, length = ''] = /content-length: (\d+)/i.exec(answers) ?? []
    const body = answers.indexOf('\r\n\r\n') + 4
    expect(Number(length)).toBe(plain.length)
    expect(answers.slice(body + plain.length)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nOK$/)
  })
})

describe('media from encoded objects', () => {
  let place: Awaited<ReturnType<typeof originPlace>>

  beforeAll(async () => {
    place = await originPlace('')
  })
  afterAll(() => place.close())

  it('has the renditions and metadata of the decoded bytes', async () => {
    const png = await halvesPng(400, 300)
    for (const { coding, stored } of encodedOf(png)) {
      const headers = { 'content-type': 'image/png', 'content-encoding': coding }
      await place.s3.putWith('avatars/1/a', stored, headers)
      await place.s3.putWith('u1', stored, headers, 'uploads')
      const avatar = await send(place.url, '/avatars/1/a.png?size=64')
      expect([coding, avatar.status]).toEqual([coding, 200])
      const { status, body } = await send(place.url, '/_metadata', {
        method: 'POST',
        headers: { 'x-internal-secret': 'secret' },
        body: JSON.stringify({
          type: 'upload',
          upload_filename: 'u1',
          isNSFWAllowed: true,
          with_base64: true,
        }),
      })
      const metadata = JSON.parse(body.toString())
      expect([coding, status, metadata.size, metadata.width]).toEqual([coding, 200, png.length, 400])
      expect(Buffer.from(metadata.base64, 'base64').equals(png)).toBe(true)
    }
  })

  it('includes themes and audio of the decoded bytes', async () => {
    const css = textOf(32_000)
    await place.s3.putWith('themes/0123456789abcdef.css', gzipSync(css), { 'content-encoding': 'gzip' })
    const { body, headers } = await send(place.url, '/themes/0123456789abcdef.css')
    expect([body.equals(css), headers['content-length']]).toEqual([true, '32000'])
  })

  it(
    'is rejected when it decodes to more than the source limit',
    async () => {
      await place.s3.putWith('avatars/1/bomb', bombOf(8 * MIB), { 'content-encoding': 'gzip' })
      const png = Buffer.concat([await halvesPng(400, 300), Buffer.alloc(8 * MIB)])
      await place.s3.putWith('avatars/1/padded', gzipSync(png), { 'content-encoding': 'gzip' })
      expect((await send(place.url, '/avatars/1/padded.webp')).status).toBe(413)
      expect((await send(place.url, '/avatars/1/bomb.webp')).status).toBeGreaterThanOrEqual(400)
    },
    scaleTimeout(30_000),
  )
})
