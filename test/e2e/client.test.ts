/**
 * The URL builder and the client against the edge and the origin: the URLs are accepted, and the responses
 * have the declared types.
 */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  ASSET_SIZES,
  createExternalUrls,
  createMediaClient,
  createMediaUrls,
  createUploadUrls,
  type TransformationParameters,
} from '@media-proxy/client'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedGif, halvesPng } from '../fixtures.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'client-secret'
const RELAY_SECRET = Buffer.alloc(32, 9).toString('base64')
const SETTINGS = {
  MEDIA_PROXY_SECRET_KEY: SECRET,
  MEDIA_PROXY_UPLOAD_RELAY_SECRET: RELAY_SECRET,
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge-secret',
  // Allowed, but nothing listens there, so an accepted URL results in 502.
  MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: '127.0.0.1:9',
}

const side = fc.integer({ min: 1, max: 16384 })
const common = {
  format: fc.constantFrom(
    'png' as const,
    'jpg' as const,
    'webp' as const,
    'gif' as const,
    'avif' as const,
    'auto' as const,
  ),
  quality: fc.oneof(
    fc.constantFrom('high' as const, 'low' as const, 'lossless' as const),
    fc.integer({ min: 1, max: 100 }),
  ),
  animated: fc.boolean(),
  dpr: fc.constantFrom(1 as const, 1.5 as const, 2 as const, 3 as const),
  blur: fc.integer({ min: 1, max: 100 }),
  download: fc.boolean(),
}
const asset = fc.record({ size: fc.constantFrom(...ASSET_SIZES), ...common }, { requiredKeys: [] })
const transformation: fc.Arbitrary<TransformationParameters> = fc.record(
  {
    width: side,
    height: side,
    fit: fc.constantFrom('cover' as const, 'contain' as const, 'inside' as const),
    gravity: fc.constantFrom('north' as const, 'attention' as const, 'entropy' as const),
    time: fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%` as const),
    ...common,
  },
  { requiredKeys: [] },
)
const name = fc.stringMatching(/^[A-Za-z0-9_]{1,40}$/)
const fileName = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/[\u0000-\u001f\u007f-\u009f\\/]/.test(text) && text !== '.' && text !== '..')

describe.each([
  ['the edge', openEdge],
  ['the origin', openFilesystemOrigin],
] as const)('at %s', (_, open) => {
  let service: Service
  beforeAll(async () => {
    service = await open(SETTINGS)
    await service.put('attachments/1/halves.png', await halvesPng(60, 40))
    await service.put('moving.gif', await animatedGif(20, 10), 'image/gif', 'uploads')
    await service.put('text.txt', Buffer.from('no media'), 'text/plain', 'uploads')
  })
  afterAll(() => service.close())

  it('every URL from the builder is accepted', async () => {
    const urls = createMediaUrls(service.url)
    const external = createExternalUrls({ baseUrl: service.url, secretKey: SECRET })
    await fc.assert(
      fc.asyncProperty(name, fileName, asset, transformation, async (id, file, a, t) => {
        const missing = [
          urls.asset('icons', id, id, a),
          urls.memberAsset(id, id, 'avatars', id, a),
          urls.emoji(id, a),
          urls.sticker(id, a),
          urls.attachment(`${id}/${file}`, t),
        ]
        for (const url of missing) expect((await fetch(url)).status, url).toBe(404)
        const signed = await external.sign(`http://127.0.0.1:9/${id}?${id}`, { ...t, expiresInSeconds: 60 })
        expect((await fetch(signed)).status, signed).toBe(502)
      }),
      { numRuns: 25 },
    )
  })

  it('an upload URL accepts only the upload that it was signed for', async () => {
    const uploads = createUploadUrls({ baseUrl: service.url, secret: RELAY_SECRET })
    const gif = Uint8Array.from(await animatedGif(20, 10))
    const put = async (maxBytes: number) =>
      fetch(
        await uploads.sign('folder/a b.gif', { maxBytes, expiresInSeconds: 60, contentType: 'image/gif' }),
        {
          method: 'PUT',
          body: gif,
        },
      )
    expect((await put(gif.length - 1)).status).toBe(413)
    expect((await put(gif.length)).status).toBe(200)
    const client = createMediaClient({ baseUrl: service.url, secretKey: SECRET })
    expect(await client.sniff('folder/a b.gif')).toBe('image/gif')
  })

  it('the client returns metadata, and reports rejections by kind', async () => {
    const client = createMediaClient({ baseUrl: `${service.url}/`, secretKey: SECRET })
    expect(
      await client.metadata({ type: 's3', bucket: 'cdn', key: 'attachments/1/halves.png' }),
    ).toMatchObject({
      format: 'png',
      width: 60,
      height: 40,
      nsfw_predictions: {},
    })
    const upload = { type: 'upload', upload_filename: 'moving.gif' } as const
    expect(await client.metadata(upload, { extras: ['palette', 'phash', 'blurhash'] })).toMatchObject({
      palette: expect.any(Array),
      phash: expect.any(String),
      blurhash: expect.any(String),
    })
    expect(await client.metadata(upload, { withBase64: true, nsfw: 'allow' })).toMatchObject({
      animated: true,
      base64: expect.stringMatching(/^R0lGOD/),
    })
    expect(await client.frames(upload)).toHaveLength(3)
    expect(await client.frames({ type: 'upload', upload_filename: 'text.txt' })).toEqual([])
    expect(await client.purge({ object: 'attachments/1/halves.png' })).toEqual(expect.any(Number))
    expect(await client.thumbnail('moving.gif')).toMatchObject({ failure: 'not-found', status: 404 })
    expect(await client.metadata({ type: 'upload', upload_filename: 'missing' })).toMatchObject({
      failure: 'not-found',
      requestId: expect.any(String),
    })
    expect(await client.metadata({ type: 'upload', upload_filename: 'text.txt' })).toMatchObject({
      failure: 'rejected',
      message: 'Unsupported file format',
    })
    const renditions = ['/attachments/1/halves.png?width=20&format=webp']
    expect(await client.prepare('attachments/1/halves.png', renditions)).toEqual({
      ready: [],
      queued: renditions,
      rejected: [],
    })
    expect(await client.prepare('attachments/1/another.png', renditions)).toMatchObject({
      failure: 'rejected',
    })
    const otherClient = createMediaClient({ baseUrl: service.url, secretKey: 'wrong' })
    expect(await otherClient.frames(upload)).toMatchObject({ failure: 'unauthorized', status: 401 })
  })
})

describe('the client against a fake service', () => {
  const ask = (baseUrl: string, options = {}) =>
    createMediaClient({ baseUrl, secretKey: SECRET }).frames(
      { type: 'upload', upload_filename: 'a' },
      options,
    )

  async function before(listener: Parameters<typeof createServer>[1], options = {}) {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const answer = await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, options)
    server.closeAllConnections()
    server.close()
    return answer
  }

  it.each([
    ['sends nothing', () => {}, 'timeout', { timeoutMs: 50 }],
    [
      'never ends its response',
      (_: unknown, response: { write(text: string): void }) => response.write('{'),
      'timeout',
      { timeoutMs: 200 },
    ],
    ['is aborted by the caller', () => {}, 'cancelled', { signal: AbortSignal.timeout(20) }],
    [
      'answers with HTML',
      (_: unknown, response: { end(text: string): void }) => response.end('<html>'),
      'unexpected',
      {},
    ],
    [
      'answers with unexpected JSON',
      (_: unknown, response: { end(text: string): void }) => response.end('{}'),
      'unexpected',
      {},
    ],
  ] as const)(
    'reports the kind of failure when the service %s',
    async (_name, listener, failure, options) => {
      expect(await before(listener as Parameters<typeof createServer>[1], options)).toMatchObject({ failure })
    },
  )

  it.each([
    [413, 'too-large'],
    [429, 'rate-limited'],
    [503, 'unavailable'],
  ])('maps status %i to %s', async (status, failure) => {
    const answer = await before((_, response) => response.writeHead(status, { 'retry-after': '7' }).end('No'))
    expect(answer).toEqual({ failure, message: 'No', status, retryAfterSeconds: 7 })
  })

  it('does not send the secret to other servers, and reports an unreachable service', async () => {
    let visits = 0
    const elsewhere = createServer((_, response) => {
      visits += 1
      response.end()
    }).listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
    expect(await before((_, response) => response.writeHead(307, { location }).end())).toMatchObject({
      failure: 'unreachable',
    })
    expect(visits).toBe(0)
    elsewhere.close()
    expect(await ask('http://127.0.0.1:9')).toMatchObject({ failure: 'unreachable' })
  })
})
