/**
 * Renditions by Workers Cache, the second driver: the platform's own cache stands before an inner entrypoint of this
 * worker, which asks the origin. It joins those who ask together, shares copies between locations, and forgets by tag.
 * What is kept is anybody's: outside, each client gets its own answer made of it. Other media stay with the Cache API,
 * since players ask for their parts.
 */

import type { RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import { createRequestLimits } from '@media-proxy/shared/rate-limit.ts'
import { renderAttempts } from '@media-proxy/shared/request/render-attempts.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, type HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { LIFE_HEADER, readLife } from '@media-proxy/shared/response/life.ts'
import { URL_REFUSED_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import { fromCache, storedHeaders, viewOf } from './client-answer.ts'
import type { DeliveryRequest } from './delivery.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { mutable } from './forward.ts'
import { isUrlRefused } from './keeping.ts'
import type { FetchOrigin } from './origin.ts'
import { cacheTagOf, type Purge } from './purge.ts'

/** The inner entrypoint, as the outer one calls it. */
export interface InnerEntrypoint {
  /** Goes through the platform's cache. */
  fetch(url: string, init: RequestInit): Promise<Response>
  /** Does not; forgets all that has one of these tags, at every location. */
  purge(tags: readonly string[]): Promise<boolean>
}

/** What the inner entrypoint is told of a request beside its URL. None of it is part of the key. */
const TOLD = {
  path: 'x-kept-path',
  client: 'x-kept-client',
  tag: 'x-kept-tag',
  attempts: 'x-kept-attempts',
  requestId: 'x-request-id',
  traceparent: 'traceparent',
} as const

/** All that a client's answer is made of, as one header of what is kept. */
const KEPT = 'x-kept-headers'
/** Under which the URLs of renditions stand; raised when the form of what is kept changes. */
const KEY_PREFIX = '/.kept/1'
/** The platform's word for an answer that the inner entrypoint did not make now. */
const HITS: ReadonlySet<string> = new Set(['HIT', 'STALE', 'UPDATING', 'REVALIDATED'])

export interface OuterOptions {
  readonly inner: InnerEntrypoint
  /** Scheme and host under which the keys live. */
  readonly publicUrl: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Delivers a rendition through the platform's cache. Fails as the origin does. */
export async function deliverByWorkersCache(
  { inner, publicUrl, now }: OuterOptions,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  const headers = {
    [TOLD.path]: wanted.originPath,
    [TOLD.client]: exchange.clientAddress,
    [TOLD.tag]: await cacheTagOf(wanted.name),
    [TOLD.attempts]: String(renderAttempts(wanted.request)),
    [TOLD.requestId]: exchange.requestId,
    [TOLD.traceparent]: exchange.traceparent,
  }
  const response = await exchange.timings.measure('cache', () =>
    inner.fetch(`${publicUrl}${KEY_PREFIX}${wanted.url}`, { headers }),
  )
  const cache = HITS.has(response.headers.get('cf-cache-status') ?? '') ? 'HIT' : 'MISS'
  const kept = response.headers.get(KEPT)
  if (kept === null || response.body === null) {
    const rejected = mutable(response)
    rejected.headers.set('x-request-id', exchange.requestId)
    rejected.headers.set('cache-control', 'no-store')
    for (const header of ['cache-tag', 'cf-cache-status', 'age']) rejected.headers.delete(header)
    return { response: rejected, cache }
  }
  const own: HeaderRecord = JSON.parse(kept)
  const lastModified = own['last-modified']
  const answer = {
    headers: own,
    sizeBytes: Number(own['content-length']),
    etag: own.etag,
    lastModified: lastModified === undefined ? undefined : new Date(lastModified),
    ...{ confirmedAt: now(), fresh: true, usable: true, body: response.body },
  }
  return { response: fromCache(answer, viewOf({ now }, wanted), exchange), cache }
}

export interface InnerOptions {
  readonly origin: FetchOrigin
  readonly limiter: RateLimiter
  readonly freshSeconds: number
  readonly notFoundSeconds: number
}

/** Answers the inner entrypoint's request: what the cache does not hold is asked of the origin, and told how long it holds. */
export async function answerInside(
  { origin, limiter, freshSeconds, notFoundSeconds }: InnerOptions,
  { headers }: Request,
): Promise<Response> {
  const told = (name: keyof typeof TOLD) => headers.get(TOLD[name]) ?? ''
  const [path, client, requestId] = [told('path'), told('client'), told('requestId')]
  const [pathname = ''] = path.split('?')
  const limits = createRequestLimits(limiter, pathname, client)
  const asked =
    (await limits.consume('renders', Number(told('attempts')) || 1)) ??
    (await origin(
      { method: 'GET', path },
      { clientAddress: client, requestId, traceparent: told('traceparent') },
    ))
  if (isFailure(asked)) return failureResponse(asked, requestId)
  const life =
    asked.status === 200
      ? Math.min(freshSeconds, readLife(asked.headers.get(LIFE_HEADER))?.seconds ?? freshSeconds)
      : asked.status === 404 && !isUrlRefused(asked)
        ? notFoundSeconds
        : 0
  const answer = mutable(asked)
  answer.headers.delete(URL_REFUSED_HEADER)
  answer.headers.set('cache-control', life > 0 ? `public, max-age=${life}` : 'no-store')
  answer.headers.set('cache-tag', told('tag'))
  // One key is one answer: what it was negotiated by is part of the key.
  answer.headers.delete('vary')
  if (asked.status === 200) answer.headers.set(KEPT, JSON.stringify(storedHeaders(asked)))
  return answer
}

/** By tag through the inner entrypoint, whose cache no zone reaches, and then as other media are. */
export function createWorkersCachePurge(inner: InnerEntrypoint, others: Purge): Purge {
  return async (names) => {
    const failure = await others(names)
    if (failure !== undefined) return failure
    try {
      const tags = await Promise.all(names.map(cacheTagOf))
      return (await inner.purge(tags)) ? undefined : unavailable('refused')
    } catch (error) {
      return unavailable(String(error))
    }
  }
}

function unavailable(reason: string): Failure {
  return fail('overloaded', `the purge of the platform's cache is not available: ${reason}`, {
    'retry-after': '5',
  })
}
