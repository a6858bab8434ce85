import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import { fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { LIFETIME_HEADER } from '@media-proxy/shared/response/lifetime.ts'
import { describe, expect, it } from 'vitest'
import type { EdgeExchange } from './exchange.ts'
import { cacheTagOf } from './purge.ts'
import { createTimings } from './timings.ts'
import {
  createWorkersCachePurge,
  deliverByWorkersCache,
  handleMiss,
  type InnerEntrypoint,
  type InnerOptions,
} from './workers-cache.ts'

const PATH = '/attachments/1/a.png?width=10'
const request = parseRequest(new URL(`http://edge${PATH}`), { accept: null, assets: false }) as SourceRequest
const name = sourceNameOf(request)
const deliveryRequest = {
  request,
  name,
  url: PATH as CanonicalUrl,
  originPath: `${PATH}&ex=1`,
  whole: true,
  beforeRender: async () => undefined,
}

function exchange(headers: Readonly<Record<string, string>> = {}): EdgeExchange {
  const asked = new Request(`http://edge${PATH}`, { headers })
  return {
    request: asked,
    url: new URL(asked.url),
    method: 'GET',
    headers: asked.headers,
    requestId: 'mine',
    traceparent: '00-trace',
    clientAddress: '192.0.2.1',
    requestLimits: { consume: async () => undefined, headers: {} },
    timings: createTimings(() => 0),
    waitUntil: () => undefined,
  }
}

/** Creates an inner entrypoint without rate limits, whose origin returns the given response. */
function inside(answer: Response, changes: Partial<InnerOptions> = {}) {
  const asked: unknown[] = []
  const options: InnerOptions = {
    origin: async (question, onBehalf) => {
      asked.push({ ...question, ...onBehalf })
      return answer
    },
    limiter: { isLimited: () => true, consume: async () => ({ headers: {} }) },
    freshSeconds: 1000,
    notFoundSeconds: 30,
    ...changes,
  }
  const urls: string[] = []
  const entrypoint = (status: string): InnerEntrypoint => ({
    async fetch(url, init) {
      urls.push(url)
      const made = await handleMiss(options, new Request(url, init))
      const headers = new Headers(made.headers)
      headers.set('cf-cache-status', status)
      return new Response(made.body, { status: made.status, headers })
    },
    purge: async () => true,
  })
  return { asked, urls, entrypoint, options }
}

const image = (headers: Readonly<Record<string, string>> = {}) =>
  new Response('0123456789', {
    headers: {
      'content-type': 'image/webp',
      'content-length': '10',
      etag: '"e"',
      'x-request-id': 'origins',
      vary: 'Accept',
      ...headers,
    },
  })

async function delivered(entrypoint: InnerEntrypoint, headers?: Readonly<Record<string, string>>) {
  const outer = { inner: entrypoint, publicUrl: 'https://m.example', now: () => 0 }
  const found = await deliverByWorkersCache(outer, { ...deliveryRequest, exchange: exchange(headers) })
  if (isFailure(found)) throw new Error(found.code)
  return found
}

describe('a rendition in Workers Cache', () => {
  it('has one cache key for all clients, and the origin gets the request of the first client', async () => {
    const { asked, urls, entrypoint } = inside(image())
    const { response, cache } = await delivered(entrypoint('MISS'))
    expect([cache, response.status, await response.text()]).toEqual(['MISS', 200, '0123456789'])
    expect(urls).toEqual([`https://m.example/.cached/1${PATH}`])
    expect(asked).toEqual([
      {
        method: 'GET',
        path: `${PATH}&ex=1`,
        clientAddress: '192.0.2.1',
        requestId: 'mine',
        traceparent: '00-trace',
      },
    ])
    expect([...response.headers.keys()].filter((header) => /^x-cached|^cf-|cache-tag/.test(header))).toEqual(
      [],
    )
  })

  it.each([
    ['HIT', 'HIT'],
    ['REVALIDATED', 'HIT'],
    ['STALE', 'HIT'],
    ['MISS', 'MISS'],
    ['EXPIRED', 'MISS'],
    ['BYPASS', 'MISS'],
    ['', 'MISS'],
  ])('with the cache status %s counts as %s', async (status, cache) => {
    expect((await delivered(inside(image()).entrypoint(status))).cache).toBe(cache)
  })

  it('has the rest of its lifetime for a client, after its time in the cache', async () => {
    const { entrypoint } = inside(image({ [LIFETIME_HEADER]: '60' }))
    const aged: InnerEntrypoint = {
      ...entrypoint('HIT'),
      async fetch(url, init) {
        const response = await entrypoint('HIT').fetch(url, init)
        const headers = new Headers(response.headers)
        headers.set('age', '45')
        return new Response(response.body, { headers })
      },
    }
    const maxAge = async (inner: InnerEntrypoint) =>
      (await delivered(inner)).response.headers.get('cache-control')?.match(/max-age=\d+/)?.[0]
    expect([await maxAge(entrypoint('HIT')), await maxAge(aged)]).toEqual(['max-age=60', 'max-age=15'])
  })

  it('is validated outside the cache, for each client', async () => {
    const known = await delivered(inside(image()).entrypoint('HIT'), { 'if-none-match': '"e"' })
    expect(known.response.status).toBe(304)
    expect(known.response.headers.get('x-request-id')).toBe('mine')
  })

  it.each([
    ['as long as the edge may believe it', image(), 'public, max-age=1000'],
    ['no longer than its source', image({ [LIFETIME_HEADER]: '60' }), 'public, max-age=60'],
    [
      'for a while where it is missing',
      new Response('Not Found', { status: 404, headers: { 'x-request-id': 'r' } }),
      'public, max-age=30',
    ],
    ['never where an ingress has no backend', new Response('Not Found', { status: 404 }), 'no-store'],
    ['never where a login page stands before it', new Response('<p>Log in</p>'), 'no-store'],
    ['never where it is rejected', new Response('Bad Request', { status: 400 }), 'no-store'],
    ['never where the origin fails', new Response('', { status: 503 }), 'no-store'],
  ])('is cached %s', async (_, answer, control) => {
    const { options } = inside(answer)
    const headers = { 'x-cached-path': PATH, 'x-cached-tag': 'tag' }
    const made = await handleMiss(options, new Request('https://m.example/', { headers }))
    expect([
      made.headers.get('cache-control'),
      made.headers.get('cache-tag'),
      made.headers.get('vary'),
    ]).toEqual([control, 'tag', null])
  })

  it('that exceeds the rate limit of its client is not cached, and the origin is not asked', async () => {
    const limiter = {
      isLimited: () => true,
      consume: async () => ({ headers: {}, failure: fail('rate-limited') }),
    }
    const { asked, entrypoint } = inside(image(), { limiter })
    const { response } = await delivered(entrypoint('BYPASS'))
    expect([response.status, response.headers.get('cache-control'), asked]).toEqual([429, 'no-store', []])
  })

  it('is purged by tag, after all other caches', async () => {
    const order: unknown[] = []
    const inner: InnerEntrypoint = {
      fetch: async () => new Response(),
      purge: async (tags) => {
        order.push(tags)
        return true
      },
    }
    const purge = createWorkersCachePurge(inner, async (names) => {
      order.push(names)
      return undefined
    })
    expect(await purge([name])).toBeUndefined()
    expect(order).toEqual([[name], [await cacheTagOf(name)]])
    const rejected = createWorkersCachePurge({ ...inner, purge: async () => false }, async () => undefined)
    expect(await rejected([name])).toMatchObject({ code: 'overloaded' })
  })
})
