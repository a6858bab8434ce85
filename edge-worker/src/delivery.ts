/** Delivers media from the cache or from the origin, with one origin request for concurrent clients. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { CONDITIONAL_HEADERS } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, type HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import type { CachedResponse, EdgeCache, EntryInfo } from './cache.ts'
import { fromCache, passedThrough, viewOf } from './client-answer.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { pick } from './forward.ts'
import type { LocalFlight, LocalFlights } from './local-flights.ts'
import { type FetchOrigin, namesRequest } from './origin.ts'
import { pause } from './pause.ts'
import type { LeaderOutcome, Role, SingleFlight } from './single-flight.ts'
import type { StoredRendition, StoredRenditions } from './stored-renditions.ts'
import { isUrlRefused, markValidated, shareFailure, store, storeBytes, storeInBackground } from './storing.ts'
import { within } from './within.ts'

export interface Delivery {
  readonly cache: EdgeCache
  readonly singleFlight: SingleFlight
  readonly localFlights: LocalFlights
  readonly origin: FetchOrigin
  /** Undefined when no bucket of finished renditions is bound. */
  readonly renditions: StoredRenditions | undefined
  /** The time of the last purge, in milliseconds since the epoch. Responses validated earlier are ignored. */
  readonly purgedAt: (name: SourceName) => Promise<number>
  /** Returns the cache tag that a zone purge selects by. Undefined when no zone is configured. */
  readonly tagOf: (name: SourceName) => Promise<string | undefined>
  /** The largest cached body. Larger ones are streamed without caching. */
  readonly maxEntryBytes: number
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
}

/** A request for media. */
export interface DeliveryRequest {
  readonly request: SourceRequest
  /** The name of the source. */
  readonly name: SourceName
  /** The key of the cache and of the single flight. */
  readonly url: CanonicalUrl
  /** The raw path and query of the request to the origin. */
  readonly originPath: string
  /**
   * Whether the complete response is fetched and cached even if the client requests a part, because the
   * origin has it in one piece. Otherwise a part that is not in the cache is requested from the origin as a
   * part, and the whole is fetched in the background.
   */
  readonly whole: boolean
  /** Runs before a cache miss goes to the origin; a failure it returns is the response. */
  readonly beforeRender: () => Promise<Failure | undefined>
}

/** When the origin responds within this time, the coordinator is not involved. In milliseconds. */
const QUICK_MS = 100
/** The timeout for the bucket of renditions, in milliseconds. */
const STORE_MS = 5000
/** The number of abandoned flights after which a follower requests the origin itself. */
const MAX_FLIGHTS = 5

export async function deliver(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  const { cache, localFlights } = delivery
  const { known, purgedAt } = await exchange.timings.measure('cache', () => lookUp(delivery, wanted))
  if (known?.fresh) return { response: fromCache(known, viewOf(delivery, wanted), exchange), cache: 'HIT' }
  await known?.body.cancel()
  if (known === undefined && ((await cache.missingSince(wanted.url)) ?? 0) > purgedAt)
    return { response: failureResponse(fail('not-found'), exchange.requestId), cache: 'HIT' }
  if (known === undefined && !wanted.whole && isPartial(exchange))
    return deliverPart(delivery, wanted, exchange, purgedAt < delivery.now())

  const local = localFlights.begin(wanted.url)
  if (local !== undefined) return leadInIsolate(delivery, wanted, exchange, local)
  const found = await exchange.timings.measure('flight', () => localFlights.wait(wanted.url))
  if (found.kind !== 'slow') {
    const shared = await follow(delivery, wanted, exchange, found)
    if (shared !== undefined) return shared
  }
  return deliverByCoordinator(delivery, wanted, exchange)
}

interface Found {
  /** The cached response, if it was validated after the last purge of its source. */
  readonly known: CachedResponse | undefined
  /** In milliseconds since the epoch. */
  readonly purgedAt: number
}

async function lookUp(
  { cache, purgedAt: purgedAtOf }: Delivery,
  { name, url }: DeliveryRequest,
): Promise<Found> {
  const [cached, purgedAt] = await Promise.all([cache.match(url), purgedAtOf(name)])
  if (cached === undefined || cached.validatedAt > purgedAt) return { known: cached, purgedAt }
  await cached.body.cancel()
  return { known: undefined, purgedAt }
}

const PARTIAL_HEADERS = ['range', ...CONDITIONAL_HEADERS, 'if-range']

function isPartial({ method, headers }: EdgeExchange): boolean {
  return method === 'HEAD' || PARTIAL_HEADERS.some((name) => headers.has(name))
}

/** Sends the isolate's first request to the origin at once, and joins the coordinator if that takes long. */
async function leadInIsolate(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  local: LocalFlight,
): Promise<Delivered | Failure> {
  const { singleFlight } = delivery
  const work = asLeader(delivery, wanted, exchange)
  // The work continues when its client disconnects, because others wait for it.
  exchange.waitUntil(outcomeOf(work).then(local.end, () => local.end({ kind: 'abandoned' })))
  const quick = await Promise.race([work, pause(QUICK_MS)])
  if (quick !== undefined) return quick.delivered

  const role = await exchange.timings.measure('flight', () => singleFlight.join(wanted.url, isClip(wanted)))
  local.slow()
  if (role.kind === 'lead') {
    exchange.waitUntil(settleWith(role, outcomeOf(work)))
    return (await work).delivered
  }
  // Another isolate leads. The origin coalesces the request of this isolate with that of the leader.
  const first = await Promise.race([work, role.outcome])
  if ('delivered' in first) return first.delivered
  const shared = await follow(delivery, wanted, exchange, first)
  if (shared === undefined) return (await work).delivered
  exchange.waitUntil(
    work.then(({ delivered }) => (isFailure(delivered) ? undefined : delivered.response.body?.cancel())),
  )
  return shared
}

/** Delivers through the coordinator when another request of this isolate was first. */
async function deliverByCoordinator(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  for (let call = 0; call < MAX_FLIGHTS; call += 1) {
    const role = await exchange.timings.measure('flight', () =>
      delivery.singleFlight.join(wanted.url, isClip(wanted)),
    )
    if (role.kind === 'lead') {
      const work = asLeader(delivery, wanted, exchange)
      exchange.waitUntil(settleWith(role, outcomeOf(work)))
      return (await work).delivered
    }
    const outcome = await exchange.timings.measure('flight', () => role.outcome)
    if (outcome.kind === 'uncached') break
    const shared = await follow(delivery, wanted, exchange, outcome)
    if (shared !== undefined) return shared
  }
  const rejected = await wanted.beforeRender()
  if (rejected !== undefined) return rejected
  const { delivered } = await fetchWhole(delivery, wanted, exchange, await entryOf(delivery, wanted))
  return delivered
}

async function settleWith(
  role: Extract<Role, { kind: 'lead' }>,
  outcome: Promise<LeaderOutcome>,
): Promise<void> {
  await role.settle(await outcome.catch((): LeaderOutcome => ({ kind: 'abandoned' })))
}

async function outcomeOf(work: Promise<LeaderResult>): Promise<LeaderOutcome> {
  return (await work).outcome
}

/**
 * Builds a follower's response from the leader's outcome. Undefined when the follower has to request again.
 */
async function follow(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  outcome: LeaderOutcome,
): Promise<Delivered | undefined> {
  if (outcome.kind === 'rejected') {
    const { text, status, headers } = outcome.rejection
    const own = { ...headers, 'x-request-id': exchange.requestId }
    return { response: new Response(text, { status, headers: own }), cache: 'COALESCED' }
  }
  if (outcome.kind !== 'cached') return undefined
  const { known } = await lookUp(delivery, wanted)
  return known === undefined
    ? undefined
    : { response: fromCache(known, viewOf(delivery, wanted), exchange), cache: 'COALESCED' }
}

/** Like `Fetched`, but the leader's own request can also have failed. */
interface LeaderResult {
  readonly delivered: Delivered | Failure
  readonly outcome: LeaderOutcome | Promise<LeaderOutcome>
}

async function asLeader(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<LeaderResult> {
  const entry = await entryOf(delivery, wanted)
  // The previous flight may have settled between the first cache lookup and joining this one.
  const { known, purgedAt } = await lookUp(delivery, wanted)
  if (known?.fresh) {
    const response = fromCache(known, viewOf(delivery, wanted), exchange)
    return { delivered: { response, cache: 'HIT' }, outcome: { kind: 'cached' } }
  }
  if (known !== undefined) return revalidate(delivery, known, wanted, exchange, entry)
  const stored = wanted.whole ? await findStored(delivery, wanted, exchange, purgedAt) : undefined
  if (stored !== undefined) {
    // The source was last checked when the rendition was written.
    const written = { ...entry, requestedAt: stored.writtenAt }
    return storeBytes(delivery, stored.bytes, stored.headers, wanted, exchange, written)
  }
  const rejected = await wanted.beforeRender()
  if (rejected !== undefined) return { delivered: rejected, outcome: { kind: 'abandoned' } }
  const { delivered, outcome } = await fetchWhole(delivery, wanted, exchange, entry)
  return { delivered, outcome: entry.requestedAt > purgedAt ? outcome : withoutCached(outcome) }
}

/** Replaces `cached` with `uncached`: followers ignore an entry that was requested too soon after a purge. */
async function withoutCached(outcome: LeaderResult['outcome']): Promise<LeaderOutcome> {
  const found = await outcome
  return found.kind === 'cached' ? { kind: 'uncached' } : found
}

async function entryOf({ now, tagOf }: Delivery, { name }: DeliveryRequest): Promise<EntryInfo> {
  return { requestedAt: now(), tag: await tagOf(name) }
}

/** Returns a stored rendition. When the bucket fails or times out, the request goes to the origin instead. */
async function findStored(
  { renditions }: Delivery,
  { request, url }: DeliveryRequest,
  { timings }: EdgeExchange,
  purgedAt: number,
): Promise<StoredRendition | undefined> {
  try {
    const found = renditions?.find(request, url, purgedAt)
    return found && (await timings.measure('store', () => within(STORE_MS, found)))
  } catch (error) {
    console.warn({ message: 'stored renditions cannot be read', error: String(error) })
    return undefined
  }
}

/** Revalidates a stale copy by its ETag. When the origin cannot be asked, most copies may still be served. */
async function revalidate(
  delivery: Delivery,
  cached: CachedResponse,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  entry: EntryInfo,
): Promise<LeaderResult> {
  const { cache } = delivery
  const condition = cached.etag === undefined ? {} : { 'if-none-match': cached.etag }
  const response = await askOrigin(delivery, wanted, condition, exchange)
  const asBefore = (kept: CachedResponse): Delivered => ({
    response: fromCache(kept, viewOf(delivery, wanted), exchange),
    cache: 'HIT',
  })
  if (cached.usable && (isFailure(response) || saysNothingOfObject(response))) {
    if (!isFailure(response)) exchange.waitUntil(response.body?.cancel() ?? Promise.resolve())
    return { delivered: asBefore(cached), outcome: { kind: 'cached' } }
  }
  if (isFailure(response)) {
    await cached.body.cancel()
    return failed(response, exchange)
  }
  if (response.status === 304) {
    const confirmed = markValidated(delivery, wanted.url, cached, entry)
    exchange.waitUntil(confirmed)
    return {
      delivered: asBefore({ ...cached, validatedAt: entry.requestedAt }),
      outcome: confirmed.then(() => ({ kind: 'cached' })),
    }
  }
  await cached.body.cancel()
  if (response.status !== 200 && !saysNothingOfObject(response) && !isUrlRefused(response))
    exchange.waitUntil(cache.delete(wanted.url))
  return store(delivery, response, wanted, exchange, entry)
}

/**
 * Whether a response says nothing about the object itself: a temporary rejection, or one that a proxy in
 * front of the origin made.
 */
function saysNothingOfObject(response: Response): boolean {
  const { status } = response
  return status >= 500 || status === 429 || (status !== 304 && !namesRequest(response))
}

async function fetchWhole(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  entry: EntryInfo,
): Promise<LeaderResult> {
  const response = await askOrigin(delivery, wanted, {}, exchange)
  return isFailure(response) ? failed(response, exchange) : store(delivery, response, wanted, exchange, entry)
}

async function failed(failure: Failure, { requestId }: EdgeExchange): Promise<LeaderResult> {
  const { outcome } = await shareFailure(failureResponse(failure, requestId))
  return { delivered: failure, outcome }
}

async function askOrigin(
  { origin }: Delivery,
  { originPath }: DeliveryRequest,
  headers: HeaderRecord,
  exchange: EdgeExchange,
): Promise<Response | Failure> {
  const response = await exchange.timings.measure('origin', () =>
    origin({ method: 'GET', path: originPath, headers }, exchange),
  )
  if (!isFailure(response)) exchange.timings.adopt(response.headers.get('server-timing'))
  return response
}

/** Requests only the client's part of a file, and fetches the whole in the background to cache it. */
async function deliverPart(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  isKept: boolean,
): Promise<Delivered | Failure> {
  const { method, headers, timings } = exchange
  const response = await timings.measure('origin', () =>
    delivery.origin({ method, path: wanted.originPath, headers: pick(headers, PARTIAL_HEADERS) }, exchange),
  )
  if (isFailure(response)) return response
  const total = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  const fits = total !== undefined && Number(total) <= delivery.maxEntryBytes
  if (isKept && response.status === 206 && fits)
    exchange.waitUntil(fetchWholeInBackground(delivery, wanted, exchange))
  return { response: passedThrough(response, viewOf(delivery, wanted)), cache: 'BYPASS' }
}

/** Fetches the whole in the background. Players request only parts, which are never cached. */
async function fetchWholeInBackground(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<void> {
  const local = delivery.localFlights.begin(wanted.url)
  if (local === undefined) return
  try {
    const role = await delivery.singleFlight.join(wanted.url, isClip(wanted))
    local.slow()
    if (role.kind !== 'lead') return
    const outcome = storeWhole(delivery, wanted, exchange)
    await settleWith(role, outcome)
    await outcome
  } finally {
    local.end({ kind: 'slow' })
  }
}

async function storeWhole(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<LeaderOutcome> {
  const entry = await entryOf(delivery, wanted)
  const { known } = await lookUp(delivery, wanted)
  await known?.body.cancel()
  if (known?.fresh) return { kind: 'cached' }
  const response = await delivery.origin({ method: 'GET', path: wanted.originPath }, exchange)
  return isFailure(response)
    ? { kind: 'abandoned' }
    : storeInBackground(delivery, response, wanted.url, entry)
}

/** Whether the rendition is a clip, which may take minutes to render. */
function isClip({ request }: DeliveryRequest): boolean {
  return (
    'transformation' in request &&
    request.transformation !== undefined &&
    isClipFormat(request.transformation.format)
  )
}
