/**
 * The work of a leader: it asks the cache, the bucket of renditions and the origin on behalf of all
 * followers.
 */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse } from '@media-proxy/shared/response/headers.ts'
import type { CachedResponse, EntryInfo } from './cache.ts'
import { fromCache } from './client-answer.ts'
import { type Delivery, type DeliveryRequest, entryOf, lookUp } from './delivery-request.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { hasRequestId, type OriginRequest } from './origin.ts'
import type { LeaderOutcome } from './single-flight.ts'
import type { StoredRendition } from './stored-renditions.ts'
import { isUrlRejected, markValidated, shareFailure, store, storeBytes } from './storing.ts'
import { within } from './within.ts'

/** The timeout for the bucket of renditions, in milliseconds. */
const STORE_MS = 5000

/**
 * How long a usable copy waits for its revalidation, in milliseconds. When the origin is slower, the copy is
 * served as if the origin were unreachable.
 */
const REVALIDATION_MS = 10_000

/** Like `Fetched`, but the leader's own request can also have failed. */
export interface LeaderResult {
  readonly delivered: Delivered | Failure
  readonly outcome: LeaderOutcome | Promise<LeaderOutcome>
}

/**
 * Answers the leader's client, and determines the outcome for its followers. A response that was requested
 * before the last purge of its source is not cached for them.
 */
export async function asLeader(delivery: Delivery, deliveryRequest: DeliveryRequest): Promise<LeaderResult> {
  const entry = await entryOf(delivery, deliveryRequest)
  // The previous flight may have settled between the first cache lookup and joining this one.
  const { cached, purgedAt } = await lookUp(delivery, deliveryRequest)
  if (cached?.fresh) {
    const response = fromCache(cached, delivery, deliveryRequest)
    return { delivered: { response, cache: 'HIT' }, outcome: { kind: 'cached' } }
  }
  if (cached !== undefined) return revalidate(delivery, deliveryRequest, cached, entry)
  const stored = deliveryRequest.whole ? await findStored(delivery, deliveryRequest, purgedAt) : undefined
  if (stored !== undefined) {
    // The source was last checked when the rendition was written.
    const written = { ...entry, requestedAt: stored.writtenAt }
    return storeBytes(delivery, deliveryRequest, stored, written)
  }
  const rejected = await deliveryRequest.beforeRender()
  if (rejected !== undefined) return { delivered: rejected, outcome: { kind: 'abandoned' } }
  const { delivered, outcome } = await fetchWhole(delivery, deliveryRequest, entry)
  return { delivered, outcome: entry.requestedAt > purgedAt ? outcome : withoutCached(outcome) }
}

/** Replaces `cached` with `uncached`: followers ignore an entry that was requested too soon after a purge. */
async function withoutCached(outcome: LeaderResult['outcome']): Promise<LeaderOutcome> {
  const found = await outcome
  return found.kind === 'cached' ? { kind: 'uncached' } : found
}

/** Returns a stored rendition. When the bucket fails or times out, the request goes to the origin instead. */
async function findStored(
  { renditions }: Delivery,
  { request, url, exchange }: DeliveryRequest,
  purgedAt: number,
): Promise<StoredRendition | undefined> {
  try {
    const found = renditions?.find(request, url, purgedAt)
    return found && (await exchange.timings.measure('store', () => within(STORE_MS, found)))
  } catch (error) {
    console.warn({ message: 'stored renditions cannot be read', error: String(error) })
    return undefined
  }
}

/** Revalidates a stale copy by its ETag. When the origin cannot be asked, most copies may still be served. */
async function revalidate(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
  cached: CachedResponse,
  entry: EntryInfo,
): Promise<LeaderResult> {
  const { exchange } = deliveryRequest
  const condition = cached.etag === undefined ? {} : { 'if-none-match': cached.etag }
  const timeout = cached.usable ? { timeoutMs: REVALIDATION_MS } : {}
  const response = await askOrigin(delivery, deliveryRequest, { headers: condition, ...timeout })
  const asBefore = (kept: CachedResponse): Delivered => ({
    response: fromCache(kept, delivery, deliveryRequest),
    cache: 'HIT',
  })
  if (cached.usable && (isFailure(response) || saysNothingOfObject(response))) {
    if (!isFailure(response)) exchange.waitUntil(discardBody(response.body))
    return { delivered: asBefore(cached), outcome: { kind: 'cached' } }
  }
  if (isFailure(response)) {
    await discardBody(cached.body)
    return failed(response, deliveryRequest.exchange)
  }
  if (response.status === 304) {
    const confirmed = markValidated(delivery, deliveryRequest.url, cached, entry)
    exchange.waitUntil(confirmed)
    return {
      delivered: asBefore({ ...cached, validatedAt: entry.requestedAt }),
      outcome: confirmed.then(() => ({ kind: 'cached' })),
    }
  }
  await discardBody(cached.body)
  if (response.status !== 200 && !saysNothingOfObject(response) && !isUrlRejected(response))
    exchange.waitUntil(delivery.cache.delete(deliveryRequest.url))
  return store(delivery, deliveryRequest, response, entry)
}

/**
 * Whether a response says nothing about the object itself: a temporary rejection, or one that a proxy in
 * front of the origin made.
 */
function saysNothingOfObject(response: Response): boolean {
  const { status } = response
  return status >= 500 || status === 429 || (status !== 304 && !hasRequestId(response))
}

/** Requests a complete response from the origin, and caches it. */
export async function fetchWhole(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
  entry: EntryInfo,
): Promise<LeaderResult> {
  const response = await askOrigin(delivery, deliveryRequest)
  return isFailure(response)
    ? failed(response, deliveryRequest.exchange)
    : store(delivery, deliveryRequest, response, entry)
}

async function failed(failure: Failure, { requestId }: EdgeExchange): Promise<LeaderResult> {
  const { outcome } = await shareFailure(failureResponse(failure, requestId))
  return { delivered: failure, outcome }
}

async function askOrigin(
  { origin }: Delivery,
  { originPath, exchange }: DeliveryRequest,
  options: Pick<OriginRequest, 'headers' | 'timeoutMs'> = {},
): Promise<Response | Failure> {
  const response = await exchange.timings.measure('origin', () =>
    origin({ method: 'GET', path: originPath, ...options }, exchange),
  )
  if (!isFailure(response)) exchange.timings.adopt(response.headers.get('server-timing'))
  return response
}
