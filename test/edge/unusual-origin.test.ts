import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import type { Service, Settings } from '../services.ts'
import { until } from '../until.ts'
import { openPlainWorker, type PlainWorker } from './plain-worker.ts'

const KEYS: Settings = { MEDIA_PROXY_SECRET_KEY: 'secret', MEDIA_PROXY_EDGE_SECRET_KEY: 'edge' }

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const cacheOf = async (service: Pick<Service, 'url'>, path: string, headers: Record<string, string> = {}) =>
  (await send(service.url, path, { headers })).headers['x-cache']

/**
 * Waits until the origin answers, which no longer has the
 * object. A cached part of the file would be served for a day.
 */
const untilForgotten = (service: Pick<Service, 'url'>) =>
  until(async () => {
    const found = await send(service.url, '/attachments/1/a.png').catch(() => undefined)
    return found?.status === 404
  })

describe('the edge, with an origin that responds in unusual ways', () => {
  type Answer = (path: string, response: ServerResponse, asked: IncomingMessage) => unknown

  async function before(
    answer: Answer,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly service: PlainWorker; readonly asked: string[] }> {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.cookie ?? ''}`)
      answer(request.url ?? '', response, request)
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const service = await openPlainWorker({
      ...KEYS,
      MEDIA_PROXY_NODE_ENV: 'test',
      MEDIA_PROXY_ORIGIN_URL: url,
      ...settings,
    })
    closers.push(async () => {
      await service.close()
      server.closeAllConnections()
      server.close()
    })
    return { service, asked }
  }

  /** Closes the connection after the bytes that were written, before the end of the body. */
  const breakOff = ({ socket }: ServerResponse) => socket?.end()

  const headers = { 'content-type': 'image/png', 'x-request-id': 'r', 'cache-control': 'public, max-age=100' }

  it('answers 502 and caches nothing when the response breaks off at its start', async () => {
    let whole = false
    const { service } = await before((_, response) => {
      response.writeHead(200, { ...headers, 'content-length': '1000' })
      if (whole) response.end(Buffer.alloc(1000))
      else response.write(Buffer.alloc(100), () => breakOff(response))
    })
    const broken = await send(service.url, '/attachments/1/a.png')
    expect([broken.status, broken.body.toString(), broken.headers['cache-control']]).toEqual([
      502,
      'Bad Gateway',
      'no-store',
    ])
    expect(Number(broken.headers['retry-after'])).toBeGreaterThan(0)
    whole = true
    const again = await send(service.url, '/attachments/1/a.png')
    expect([again.status, again.body.length, again.headers['x-cache']]).toEqual([200, 1000, 'MISS'])
  })

  it('cuts the connection and caches nothing when the response breaks off in the middle', async () => {
    let gone = false
    const { service } = await before((_, response) => {
      if (gone) return response.writeHead(404, { 'x-request-id': 'r' }).end('Not Found')
      response.writeHead(200, { ...headers, 'content-length': '3000000' })
      return response.write(Buffer.alloc(2_000_000), () => breakOff(response))
    })
    const outcome = await send(service.url, '/attachments/1/a.png').then(
      ({ status, body }) => [status, body.length],
      () => 'cut',
    )
    // Never a complete response with fewer bytes.
    if (outcome !== 'cut') expect(outcome).toEqual([502, 'Bad Gateway'.length])
    gone = true
    await untilForgotten(service)
  })

  it.each([
    ['a little', 1000],
    ['much', 3_000_000],
  ])('caches nothing when a response without a length breaks off after %s', async (_, bytes) => {
    let gone = false
    const { service } = await before((_, response) => {
      if (gone) return response.writeHead(404, { 'x-request-id': 'r' }).end('Not Found')
      response.writeHead(200, headers)
      return response.write(Buffer.alloc(bytes), () => breakOff(response))
    })
    const first = await send(service.url, '/attachments/1/a.png').catch(() => undefined)
    // For a response without a length, workerd writes the final chunk even when the body broke off, so that a
    // client cannot notice it.
    if (bytes < 1_000_000) expect(first?.status ?? 502).toBe(502)
    gone = true
    await untilForgotten(service)
  })

  it('passes on a page of another program, never caches it, and never replaces a cached copy with it', async () => {
    let isLogin = true
    const { service } = await before((_, response) => {
      if (isLogin) response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Log in</p>')
      else response.writeHead(200, { ...headers, 'x-media-life': '0' }).end(Buffer.alloc(100))
    })
    for (let visit = 0; visit < 2; visit += 1) {
      const page = await send(service.url, '/attachments/1/a.png')
      expect([page.status, page.headers['x-cache'], page.body.toString()]).toEqual([
        200,
        'BYPASS',
        '<p>Log in</p>',
      ])
    }
    isLogin = false
    expect((await send(service.url, '/attachments/1/a.png')).body).toHaveLength(100)
    await until(async () => (await send(service.url, '/attachments/1/a.png')).body.length === 100)
    isLogin = true
    const kept = await send(service.url, '/attachments/1/a.png')
    expect([kept.headers['x-cache'], kept.body.length]).toEqual(['HIT', 100])
  })

  it('caches a small response without a length', async () => {
    const { service, asked } = await before((path, response) => {
      response.writeHead(200, headers)
      response.write(Buffer.alloc(1000, 1), () =>
        response.end(path.includes('large') ? Buffer.alloc(3_000_000, 2) : Buffer.alloc(10, 2)),
      )
    })
    const small = await send(service.url, '/attachments/1/small.png')
    expect([small.status, small.headers['content-length'], small.body.length]).toEqual([200, '1010', 1010])
    await until(async () => (await cacheOf(service, '/attachments/1/small.png')) === 'HIT')
    for (let visit = 0; visit < 2; visit += 1) {
      const large = await send(service.url, '/attachments/1/large.png')
      expect([large.status, large.headers['x-cache'], large.body.length]).toEqual([200, 'BYPASS', 3_001_000])
    }
    expect(asked.length).toBeGreaterThanOrEqual(3)
  })

  it.each([
    ['is answered from what was kept', '1', 200],
    ['is not, where that must not outlive its time', '1, must-revalidate', 502],
  ])('a request during a failure of the origin %s', async (_, life, later) => {
    let fails = false
    const { service } = await before((_, response) => {
      if (fails) response.writeHead(500).end('broken')
      else
        response
          .writeHead(200, { ...headers, 'content-length': '10', 'x-media-life': life })
          .end('0123456789')
    })
    expect((await send(service.url, '/attachments/1/a.png')).status).toBe(200)
    await until(async () => (await cacheOf(service, '/attachments/1/a.png')) === 'HIT')
    fails = true
    await service.advanceClock(1100)
    for (let visit = 0; visit < 2; visit += 1)
      expect((await send(service.url, '/attachments/1/a.png')).status).toBe(later)
    fails = false
    expect((await send(service.url, '/attachments/1/a.png')).status).toBe(200)
  })

  it.each([
    ['an ingress without a backend', 404, {}, [404, 'elsewhere']],
    ['a login page', 302, { location: 'https://login.test/' }, [502, 'Bad Gateway']],
    ['a filter', 403, {}, [403, 'elsewhere']],
  ])('does not cache the response of %s in front of the origin', async (_, status, declaredHeaders, seen) => {
    let isHidden = true
    const { service } = await before(
      (_path, response) => {
        if (isHidden) response.writeHead(status, declaredHeaders).end('elsewhere')
        else response.writeHead(200, { ...headers, 'content-length': '3' }).end('abc')
      },
      { MEDIA_PROXY_CACHE_EDGE_SECONDS: '1' },
    )
    for (const asked of [{}, { range: 'bytes=0-0' }]) {
      const hidden = await send(service.url, '/attachments/1/a.png', { headers: asked })
      expect([hidden.status, hidden.body.toString(), hidden.headers.location]).toEqual([...seen, undefined])
    }
    isHidden = false
    expect((await send(service.url, '/attachments/1/a.png')).status).toBe(200)
    await until(async () => (await cacheOf(service, '/attachments/1/a.png')) === 'HIT')
    isHidden = true
    await service.advanceClock(1100)
    for (let visit = 0; visit < 2; visit += 1)
      expect((await send(service.url, '/attachments/1/a.png')).status).toBe(200)
  })

  it('keeps its cached copy when the origin is overloaded', async () => {
    let isTired = false
    const { service } = await before(
      (_, response) => {
        if (isTired) response.writeHead(429, { 'x-request-id': 'r' }).end('Too Many Requests')
        else response.writeHead(200, { ...headers, 'content-length': '3' }).end('abc')
      },
      { MEDIA_PROXY_CACHE_EDGE_SECONDS: '1' },
    )
    await until(async () => (await cacheOf(service, '/attachments/1/a.png')) === 'HIT')
    isTired = true
    await service.advanceClock(1100)
    for (let visit = 0; visit < 2; visit += 1)
      expect((await send(service.url, '/attachments/1/a.png')).body.toString()).toBe('abc')
  })

  it('delivers a large file to followers, even when the leader reads nothing', async () => {
    const bytes = Buffer.alloc(30_000_000, 'abc')
    const { service } = await before((_, response) => {
      response.writeHead(200, { ...headers, 'content-length': String(bytes.length) }).end(bytes)
    })
    const slow = request(`${service.url}/attachments/1/video.mp4`)
    const [answer]: [IncomingMessage] = await new Promise((resolve) =>
      slow.once('response', (...args) => resolve(args)).end(),
    )
    answer.pause().on('error', () => undefined)
    const began = Date.now()
    const second = await send(service.url, '/attachments/1/video.mp4')
    expect([second.status, second.body.equals(bytes)]).toEqual([200, true])
    // Less than the 35 seconds after which a leader is given up.
    expect(Date.now() - began).toBeLessThan(25_000)
    answer.destroy()
  })

  it('keeps the status of a rejection that breaks off in the middle', async () => {
    const { service } = await before((_, response) => {
      response.writeHead(404, { 'x-request-id': 'r', 'content-length': '100' })
      response.write('Not', () => breakOff(response))
    })
    const { status, headers: declaredHeaders } = await send(service.url, '/attachments/1/a.png')
    expect([status, declaredHeaders['content-length']]).toEqual([404, '0'])
  })

  it('removes the headers that a load balancer adds', async () => {
    const { service } = await before((_, response) => {
      const own = { 'set-cookie': 'node=1', 'ratelimit-remaining': '3', age: '7', via: '1.1 balancer' }
      response.writeHead(200, { ...headers, ...own, 'content-length': '3' }).end('abc')
    })
    const first = await send(service.url, '/attachments/1/a.png')
    const part = await send(service.url, '/attachments/1/b.png', { headers: { range: 'bytes=0-0' } })
    await until(async () => (await cacheOf(service, '/attachments/1/a.png')) === 'HIT')
    const hit = await send(service.url, '/attachments/1/a.png')
    for (const { headers: declaredHeaders } of [first, part, hit])
      for (const name of ['set-cookie', 'ratelimit-remaining', 'age', 'via'])
        expect(declaredHeaders[name], name).toBeUndefined()
  })

  it('bypasses every cache in front of the origin', async () => {
    const seen: IncomingMessage['headers'][] = []
    const { service } = await before((_, response, asked) => {
      seen.push(asked.headers)
      response.writeHead(200, { ...headers, 'content-length': '3' }).end('abc')
    })
    await send(service.url, '/attachments/1/a.png')
    await send(service.url, '/attachments/1/b.png', { headers: { range: 'bytes=0-0' } })
    expect(seen.length).toBeGreaterThanOrEqual(2)
    for (const declaredHeaders of seen) expect(declaredHeaders['cache-control']).toBe('no-cache')
  })

  it('decodes a body that was encoded in transit, then caches and slices it', async () => {
    const text = 'body { color: red }'.repeat(20)
    const { service } = await before((_, response, request) => {
      expect(request.headers['accept-encoding']).toBe('identity')
      const encoded = gzipSync(text)
      const declaredHeaders = { 'content-encoding': 'gzip', 'content-length': String(encoded.length) }
      response.writeHead(200, { ...headers, ...declaredHeaders, 'content-type': 'text/css' }).end(encoded)
    })
    const path = '/themes/0123456789abcdef.css'
    const whole = await send(service.url, path)
    expect([whole.status, whole.body.toString(), whole.headers['content-encoding']]).toEqual([
      200,
      text,
      undefined,
    ])
    await until(async () => (await cacheOf(service, path)) === 'HIT')
    const part = await send(service.url, path, { headers: { range: 'bytes=7-11' } })
    expect([part.status, part.body.toString(), part.headers['content-range']]).toEqual([
      206,
      'color',
      `bytes 7-11/${text.length}`,
    ])
  })

  it('renews the limited lifetime of a copy when the origin confirms it', async () => {
    const { service } = await before((_, response, request) => {
      const declaredHeaders = { ...headers, etag: '"a"', 'x-media-life': '2' }
      if (request.headers['if-none-match'] === '"a"') response.writeHead(304, declaredHeaders).end()
      else response.writeHead(200, { ...declaredHeaders, 'content-length': '3' }).end('abc')
    })
    await until(async () => (await cacheOf(service, '/attachments/1/a.png')) === 'HIT')
    await service.advanceClock(2100)
    const confirmed = await send(service.url, '/attachments/1/a.png')
    expect(confirmed.headers['cache-control']).toMatch(/^public, max-age=[12]$/)
  })

  it('does not forward the cookies of the client', async () => {
    const { service, asked } = await before((_, response) => response.writeHead(200, headers).end('x'))
    await send(service.url, '/attachments/1/a.png', { headers: { cookie: 'session=secret' } })
    await send(service.url, '/attachments/1/b.png', {
      headers: { cookie: 'session=secret', range: 'bytes=0-0' },
    })
    expect(asked.length).toBeGreaterThanOrEqual(2)
    expect(asked.join()).not.toContain('secret')
  })
})
