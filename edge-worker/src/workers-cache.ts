/**
 * Renditions in Workers Cache, the second cache driver. The platform's cache is in front of an inner
 * entrypoint of this worker, which requests the origin. The platform coalesces concurrent requests, shares
 * copies between locations, and purges by tag. Cached responses are the same for all clients; the outer
 * entrypoint builds each client's response from them. Other media stay in the Cache API, because players
 * request parts of them.
 */

import type { RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import { createRequestLimits } from '@media-proxy/shared/rate-limit.ts'
import { renderAttempts } from '@media-proxy/shared/request/render-attempts.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, type HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { LIFETIME_HEADER, parseLifetime } from '@media-proxy/shared/response/lifetime.ts'
import { URL_REJECTED_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import { fromCache, storedHeaders } from './client-answer.ts'
import type { DeliveryRequest } from './delivery-request.ts'
import type { Delivered } from './exchange.ts'
import { mutable } from './forward.ts'
import { type FetchOrigin, hasRequestId } from './origin.ts'
import { cacheTagOf, type Purge, purgeUnavailable } from './purge.ts'
import { isUrlRejected } from './storing.ts'

/** The calls of the outer entrypoint to the inner one. */
export interface InnerEntrypoint {
  /** Sends a request through the platform's cache. */
  fetch(url: string, init: RequestInit): Promise<Response>
  /** Purges all responses with one of the tags, at every location. The call does not go through the cache. */
  purge(tags: readonly string[]): Promise<boolean>
}

/** The headers with details of a request for the inner entrypoint. They are not part of the cache key. */
const DETAIL_HEADERS = {
  path: 'x-cached-path',
  client: 'x-cached-client',
  tag: 'x-cached-tag',
  attempts: 'x-cached-attempts',
  requestId: 'x-request-id',
  traceparent: 'traceparent',
} as const

/** The header of a cached response that contains the headers for the client's response. */
const STORED_HEADERS = 'x-cached-headers'
/** The prefix of the cache keys. Its version is incremented when the format of cached responses changes. */
const KEY_PREFIX = '/.cached/1'
/** The platform's cache statuses of responses that the inner entrypoint did not produce for this request. */
const HITS: ReadonlySet<string> = new Set(['HIT', 'STALE', 'UPDATING', 'REVALIDATED'])

export interface OuterOptions {
  readonly inner: InnerEntrypoint
  /** The scheme and host of the cache keys. */
  readonly publicUrl: string
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
}

/** Delivers a rendition through the platform's cache. Fails as the origin does. */
export async function deliverByWorkersCache(
  { inner, publicUrl, now }: OuterOptions,
  deliveryRequest: DeliveryRequest,
): Promise<Delivered | Failure> {
  const { exchange } = deliveryRequest
  const headers = {
    [DETAIL_HEADERS.path]: deliveryRequest.originPath,
    [DETAIL_HEADERS.client]: exchange.clientAddress,
    [DETAIL_HEADERS.tag]: await cacheTagOf(deliveryRequest.name),
    [DETAIL_HEADERS.attempts]: String(renderAttempts(deliveryRequest.request)),
    [DETAIL_HEADERS.requestId]: exchange.requestId,
    [DETAIL_HEADERS.traceparent]: exchange.traceparent,
  }
  const response = await exchange.timings.measure('cache', () =>
    inner.fetch(`${publicUrl}${KEY_PREFIX}${deliveryRequest.url}`, { headers }),
  )
  const cache = HITS.has(response.headers.get('cf-cache-status') ?? '') ? 'HIT' : 'MISS'
  const kept = response.headers.get(STORED_HEADERS)
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
    validatedAt: now() - 1000 * ageOf(response),
    fresh: true,
    usable: true,
    body: response.body,
  }
  return { response: fromCache(answer, { now }, deliveryRequest), cache }
}

/** Returns for how long the platform has cached a response, in seconds. */
function ageOf({ headers }: Response): number {
  const age = Number(headers.get('age') ?? 0)
  return Number.isFinite(age) ? age : 0
}

export interface InnerOptions {
  readonly origin: FetchOrigin
  readonly limiter: RateLimiter
  readonly freshSeconds: number
  readonly notFoundSeconds: number
}

/** Handles a cache miss in the inner entrypoint: requests the origin and sets the lifetime in the cache. */
export async function handleMiss(
  { origin, limiter, freshSeconds, notFoundSeconds }: InnerOptions,
  { headers }: Request,
): Promise<Response> {
  const detail = (name: keyof typeof DETAIL_HEADERS) => headers.get(DETAIL_HEADERS[name]) ?? ''
  const [path, client, requestId] = [detail('path'), detail('client'), detail('requestId')]
  const [pathname = ''] = path.split('?')
  const limits = createRequestLimits(limiter, pathname, client)
  const response =
    (await limits.consume('renders', Number(detail('attempts')) || 1)) ??
    (await origin(
      { method: 'GET', path },
      { clientAddress: client, requestId, traceparent: detail('traceparent') },
    ))
  if (isFailure(response)) return failureResponse(response, requestId)
  const lifetime = !hasRequestId(response)
    ? 0
    : response.status === 200
      ? Math.min(freshSeconds, parseLifetime(response.headers.get(LIFETIME_HEADER))?.seconds ?? freshSeconds)
      : response.status === 404 && !isUrlRejected(response)
        ? notFoundSeconds
        : 0
  const answer = mutable(response)
  answer.headers.delete(URL_REJECTED_HEADER)
  answer.headers.set('cache-control', lifetime > 0 ? `public, max-age=${lifetime}` : 'no-store')
  answer.headers.set('cache-tag', detail('tag'))
  // Each key has one response, because the negotiated format is part of the key.
  answer.headers.delete('vary')
  if (response.status === 200) answer.headers.set(STORED_HEADERS, JSON.stringify(storedHeaders(response)))
  return answer
}

/**
 * Creates a purge of other media and then of the inner entrypoint's cache by tag, because a zone purge does
 * not reach that cache.
 */
export function createWorkersCachePurge(inner: InnerEntrypoint, others: Purge): Purge {
  return async (names) => {
    const failure = await others(names)
    if (failure !== undefined) return failure
    try {
      const tags = await Promise.all(names.map(cacheTagOf))
      return (await inner.purge(tags)) ? undefined : unavailable('rejected')
    } catch (error) {
      return unavailable(String(error))
    }
  }
}

function unavailable(reason: string): Failure {
  return purgeUnavailable("the purge of the platform's cache", reason)
}
