/**
 * Responses that are repeated without processing their request: under which conditions, and that they do not
 * differ from others.
 */

import type { AddressInfo } from 'node:net'
import { createHttpServer } from '@media-proxy/origin/http-server.ts'
import { createAttachmentUrls } from '@media-proxy/shared/client/index.ts'
import { signEdgeRequest } from '@media-proxy/shared/signing/edge-request.ts'
import { signExternalPath } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { type RawRequest, type RawResponse, send } from '../http.ts'
import { exchange } from '../raw-exchange.ts'
import { type FilesystemService, openFilesystemOrigin, type Settings } from '../services.ts'
import { until } from '../until.ts'
import { openUpstreamServer } from '../upstream-server.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const PATH = '/attachments/1/2/a%20b.png?width=32&format=webp'
/** The status of the handler behind the hot answers, which shows whether they answered a request. */
const ANEW = 299

interface Opened {
  readonly service: FilesystemService
  /** Sends a request to the hot answers alone, as to the service. */
  hot(path: string, options?: RawRequest): Promise<RawResponse>
  readonly hotUrl: string
  readonly host: string
}

async function opened(settings: Settings = {}): Promise<Opened> {
  const service = await openFilesystemOrigin({
    MEDIA_PROXY_SECRET_KEY: 'secret',
    MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
    ...settings,
  })
  closers.push(() => service.close())
  const { hotAnswers } = service
  const alone = createHttpServer({
    hotAnswers,
    longestAnswerMs: 30_000,
    idleConnectionMs: 65_000,
    fetch: () => new Response('anew', { status: ANEW }),
  })
  alone.listen(0, '127.0.0.1')
  await new Promise((resolve) => alone.once('listening', resolve))
  closers.push(() => new Promise((resolve) => alone.close(resolve)))
  const hotUrl = `http://127.0.0.1:${(alone.address() as AddressInfo).port}`
  const { host } = new URL(service.url)
  await service.put('attachments/1/2/a b.png', await halvesPng(64, 48))
  await service.put('avatars/1/a', await halvesPng(64, 48))
  const hot = (path: string, { headers, ...rest }: RawRequest = {}) =>
    send(hotUrl, path, { headers: { host, ...headers }, ...rest })
  return { service, hotUrl, host, hot }
}

/**
 * Requests a path twice: the first time it is rendered, the second time it is found in memory and remembered.
 */
async function heat(service: FilesystemService, path: string, options?: RawRequest): Promise<RawResponse> {
  const first = await send(service.url, path, options)
  expect(first.status).toBe(200)
  await send(service.url, path, options)
  return first
}

/** Returns a response without the headers that differ between responses. */
function shared({ status, headers, body }: RawResponse) {
  const { 'x-request-id': id, 'server-timing': timing, date, ...rest } = headers
  expect(id).toBeTruthy()
  return { status, headers: rest, body: body.toString('base64') }
}

describe('a hot response', () => {
  it.each([
    ['an attachment', PATH],
    ['an avatar', '/avatars/1/a.webp?size=32'],
    ['a download', '/avatars/1/a.png?size=32&download=true'],
  ])('for %s equals the first response', async (_, path) => {
    const { service, hot } = await opened()
    const first = await heat(service, path)
    const again = await hot(path, { headers: { 'x-request-id': 'mine' } })
    expect(again.headers['x-request-id']).toBe('mine')
    expect(shared(again)).toEqual(shared(first))
    expect((await hot(path)).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('is logged and counted like any other', async () => {
    const { service } = await opened()
    await heat(service, PATH)
    for (let times = 0; times < 5; times += 1) await send(service.url, PATH)
    const lines = service.log.filter(({ msg }) => msg === 'request')
    expect(lines).toHaveLength(7)
    const keys = lines.map((line) => Object.keys(line).sort().join())
    expect(new Set(keys.slice(1)).size).toBe(1)
    expect(lines.at(-1)).toMatchObject({ route: 'attachments-transformed', status: 200, outcome: 'hit' })
    const metrics = (await send(service.url, '/_metrics')).body.toString()
    expect(metrics).toMatch(/rendition_answers_total\{outcome="hit"\} 6/)
    expect(metrics).toMatch(
      /http_server_request_duration_count\{.*http_route="attachments-transformed".*\} 7/,
    )
  })

  it.each<[string, RawRequest]>([
    ['another method', { method: 'HEAD' }],
    ['a range', { headers: { range: 'bytes=0-9' } }],
    ['a condition', { headers: { 'if-none-match': '"x"' } }],
    ['a date', { headers: { 'if-modified-since': new Date().toUTCString() } }],
    ['other formats', { headers: { accept: 'image/avif' } }],
    ['another host', { headers: { host: 'elsewhere' } }],
    ['a trace id', { headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } }],
    ['a signature of the edge', { headers: { 'x-edge-signature': 'x' } }],
  ])('is not served to a request with %s', async (_, options) => {
    const { service, hot } = await opened()
    await heat(service, PATH)
    expect((await hot(PATH)).status).toBe(200)
    expect((await hot(PATH, options)).status).toBe(ANEW)
  })

  it('is not served to a rejected request', async () => {
    const { service, host, hotUrl } = await opened()
    await heat(service, PATH)
    const ask = async (lines: string) =>
      (await exchange(hotUrl, `GET ${PATH} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`)).status
    expect(await ask(`Host: ${host}\r\n`)).toBe(200)
    expect(await ask(`Host: ${host}\r\nHost: ${host}\r\n`)).toBe(ANEW)
  })

  it('is removed by a purge, and when it expires', async () => {
    const { service, hot } = await opened({ MEDIA_PROXY_CACHE_MEMORY_SECONDS: '2' })
    await heat(service, PATH)
    await send(service.url, '/_purge', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: JSON.stringify({ object: 'attachments/1/2/a b.png' }),
    })
    expect((await hot(PATH)).status).toBe(ANEW)
    await heat(service, PATH)
    await until(async () => (await hot(PATH)).status === ANEW)
  })

  it('counts towards the rate limit of the client, and is rejected beyond it', async () => {
    const { service } = await opened({
      MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '5',
      MEDIA_PROXY_RATE_LIMIT_WINDOW_MS: '600000',
    })
    const answers = [await heat(service, PATH)]
    for (let times = 0; times < 4; times += 1) answers.push(await send(service.url, PATH))
    const left = answers.map(({ status, headers }) => [status, headers['ratelimit-remaining']])
    expect(left).toEqual([
      [200, '4'],
      [200, '2'],
      [200, '1'],
      [200, '0'],
      [429, '0'],
    ])
  })

  it('made for a signed request of the edge is served only to signed requests of the edge', async () => {
    const { service, hot } = await opened({ MEDIA_PROXY_REQUIRE_CLOUDFLARE_EDGE: 'true' })
    const ring = await createKeyRing(['edge'])
    const signed = async () => ({
      headers: await signEdgeRequest(
        ring,
        { method: 'GET', path: PATH, clientAddress: '192.0.2.1' },
        Date.now(),
      ),
    })
    const first = await heat(service, PATH, await signed())
    expect(shared(await hot(PATH, await signed()))).toEqual(shared(first))
    expect((await hot(PATH)).status).toBe(ANEW)
    const { headers } = await signed()
    expect((await hot(PATH, { headers: { ...headers, 'x-edge-client': '192.0.2.2' } })).status).toBe(ANEW)
  })

  it('is not kept when the response would differ the next time', async () => {
    const secret = Buffer.alloc(32, 5).toString('base64')
    const image = await halvesPng(64, 48)
    const far = await openUpstreamServer((_, response) => {
      response.writeHead(200, { 'content-type': 'image/png' }).end(image)
    })
    closers.push(far.close)
    const { service, hot } = await opened({
      MEDIA_PROXY_ATTACHMENT_SIGNATURES: 'report',
      MEDIA_PROXY_ATTACHMENT_SECRETS: secret,
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
    })
    const path = await createAttachmentUrls({ baseUrl: '', secret }).sign('1/2/a.png', {
      width: 16,
    })
    await service.put('attachments/1/2/a.png', image)
    for (const each of [path, PATH]) {
      await heat(service, each)
      expect((await hot(each)).status).toBe(ANEW)
    }
    const ring = await createKeyRing(['secret'])
    const external = await signExternalPath(ring, `${far.url}/a.png`, new URLSearchParams('width=20'))
    await heat(service, `${external}?width=20`)
    expect((await hot(`${external}?width=20`)).status).toBe(200)
  })

  it.each([
    ['responses list the origins that may read them', { MEDIA_PROXY_CORS_ORIGINS: 'https://app.example' }],
    ['requests are traced', { MEDIA_PROXY_TELEMETRY_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
  ])('is never served when %s', async (_, settings: Settings) => {
    const { service } = await opened(settings)
    expect(service.hotAnswers).toBeUndefined()
  })
})
