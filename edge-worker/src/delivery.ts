/** Delivers media from the cache, else from the origin by way of the cache, once for all that ask together. */

import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import { type SourceName, sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import { CONDITIONAL_HEADERS } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { finish } from '@media-proxy/shared/response/finish.ts'
import { failureResponse, type HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import type { CachedAnswer, EdgeCache } from './cache.ts'
import { type ClientView, describe, fromCache, passedThrough, storedHeaders } from './client-answer.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { CONNECTION_HEADERS, pick } from './forward.ts'
import type { AnswerIndex } from './object-index.ts'
import type { FetchOrigin } from './origin.ts'
import type { LeaderOutcome, SingleFlight } from './single-flight.ts'
import { slice } from './slice.ts'
import type { StoredRendition, StoredRenditions } from './stored-renditions.ts'

export interface Delivery {
  readonly cache: EdgeCache
  readonly singleFlight: SingleFlight
  readonly index: AnswerIndex
  readonly origin: FetchOrigin
  /** Undefined where no bucket of finished renditions is bound. */
  readonly renditions: StoredRenditions | undefined
  /** Larger bodies stream past the cache. */
  readonly maxEntryBytes: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** What is to be delivered. */
export interface DeliveryRequest {
  readonly request: SourceRequest
  /** The one key of the cache and of single flight. */
  readonly url: CanonicalUrl
  /** Raw path and query by which the origin is asked for it. */
  readonly originPath: string
  /**
   * The origin has it in one piece, so it is fetched and kept whole whatever part the client wants; otherwise a
   * part that is not in the cache is asked of the origin as a part, past the cache.
   */
  readonly whole: boolean
  /** Judged before the origin is asked for what no cache holds. */
  readonly beforeRender: () => Promise<Failure | undefined>
}

/** After so many leaders that gave up, a follower asks the origin itself. */
const MAX_FLIGHTS = 5

export async function deliver(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  const { cache, singleFlight } = delivery
  const { timings } = exchange
  const cached = await timings.measure('cache', () => cache.match(wanted.url))
  if (cached?.fresh) return { response: fromCache(cached, viewOf(delivery, wanted), exchange), cache: 'HIT' }
  await cached?.body.cancel()
  if (cached === undefined && (await cache.isMissing(wanted.url))) {
    return { response: failureResponse(fail('not-found'), exchange.requestId), cache: 'HIT' }
  }
  if (cached === undefined && !wanted.whole && isPartial(exchange)) return pass(delivery, wanted, exchange)

  for (let call = 0; call < MAX_FLIGHTS; call += 1) {
    const role = await timings.measure('flight', () => singleFlight.join(wanted.url))
    if (role === 'lead') return lead(delivery, wanted, exchange)
    if (role.kind === 'rejected') {
      const { text, status, headers } = role.rejection
      const own = { ...headers, 'x-request-id': exchange.requestId }
      return { response: new Response(text, { status, headers: own }), cache: 'COALESCED' }
    }
    if (role.kind === 'uncached') break
    const kept = role.kind === 'cached' ? await cache.match(wanted.url) : undefined
    if (kept !== undefined)
      return { response: fromCache(kept, viewOf(delivery, wanted), exchange), cache: 'COALESCED' }
  }
  return (await fetchWhole(delivery, wanted, exchange)).delivered
}

const PARTIAL_HEADERS = ['range', ...CONDITIONAL_HEADERS, 'if-range']

function isPartial({ method, headers }: EdgeExchange): boolean {
  return method === 'HEAD' || PARTIAL_HEADERS.some((name) => headers.has(name))
}

/** What the leader answers its own client, and, later, tells its followers. */
interface Fetched {
  readonly delivered: Delivered | Failure
  readonly outcome: LeaderOutcome | Promise<LeaderOutcome>
}

/** The leader's work goes on when its own client leaves: others wait for it. */
function lead(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  const { promise: outcome, resolve: settle } = Promise.withResolvers<LeaderOutcome>()
  const work = fetchAsLeader(delivery, wanted, exchange)
  exchange.waitUntil(outcome.then((found) => delivery.singleFlight.settle(wanted.url, found)))
  const delivered = work.then(
    (fetched) => {
      settle(fetched.outcome)
      return fetched.delivered
    },
    (error: unknown) => {
      settle({ kind: 'abandoned' })
      throw error
    },
  )
  exchange.waitUntil(delivered)
  return delivered
}

async function fetchAsLeader(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Fetched> {
  // The call before this one may have settled between our look into the cache and our joining.
  const cached = await delivery.cache.match(wanted.url)
  if (cached?.fresh) {
    const response = fromCache(cached, viewOf(delivery, wanted), exchange)
    return { delivered: { response, cache: 'HIT' }, outcome: { kind: 'cached' } }
  }
  if (cached !== undefined) return revalidate(delivery, cached, wanted, exchange)
  const stored = wanted.whole ? await findStored(delivery, wanted, exchange) : undefined
  if (stored !== undefined) return keep(delivery, stored.bytes, stored.headers, wanted, exchange)
  const rejected = await wanted.beforeRender()
  if (rejected !== undefined) return { delivered: rejected, outcome: { kind: 'abandoned' } }
  return fetchWhole(delivery, wanted, exchange)
}

/** A bucket that fails is no reason not to ask the origin. */
async function findStored(
  { renditions }: Delivery,
  { request, url }: DeliveryRequest,
  { timings }: EdgeExchange,
): Promise<StoredRendition | undefined> {
  try {
    return await timings.measure('store', async () => renditions?.find(request, url))
  } catch (error) {
    console.warn({ message: 'stored renditions cannot be read', error: String(error) })
    return undefined
  }
}

/** A copy past its time is confirmed by its ETag; where the origin cannot say, it is still better than nothing. */
async function revalidate(
  delivery: Delivery,
  cached: CachedAnswer,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Fetched> {
  const { cache } = delivery
  const condition = cached.etag === undefined ? {} : { 'if-none-match': cached.etag }
  const response = await askOrigin(delivery, wanted, condition, exchange)
  const asBefore = (): Delivered => ({
    response: fromCache(cached, viewOf(delivery, wanted), exchange),
    cache: 'HIT',
  })
  if (isFailure(response) || response.status >= 500) {
    if (!isFailure(response)) exchange.waitUntil(response.body?.cancel() ?? Promise.resolve())
    return { delivered: asBefore(), outcome: { kind: 'cached' } }
  }
  if (response.status === 304) {
    const confirmed = confirm(cache, wanted.url, cached.headers)
    exchange.waitUntil(confirmed)
    return { delivered: asBefore(), outcome: confirmed.then(() => ({ kind: 'cached' })) }
  }
  await cached.body.cancel()
  if (response.status !== 200) exchange.waitUntil(cache.delete(wanted.url))
  return store(delivery, response, wanted, exchange)
}

async function confirm(cache: EdgeCache, url: CanonicalUrl, headers: HeaderRecord): Promise<void> {
  const again = await cache.match(url)
  if (again !== undefined) await cache.put(url, headers, again.body)
}

async function fetchWhole(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Fetched> {
  const response = await askOrigin(delivery, wanted, {}, exchange)
  if (!isFailure(response)) return store(delivery, response, wanted, exchange)
  const rejection = await rejectionOf(failureResponse(response, exchange.requestId))
  return { delivered: response, outcome: { kind: 'rejected', rejection } }
}

function askOrigin(
  { origin }: Delivery,
  { originPath }: DeliveryRequest,
  headers: HeaderRecord,
  exchange: EdgeExchange,
): Promise<Response | Failure> {
  return exchange.timings.measure('origin', () =>
    origin({ method: 'GET', path: originPath, headers }, exchange),
  )
}

/** Bodies up to here are held whole, which lets the connection to the origin go at once. */
const BUFFERED_BYTES = 1024 * 1024

/** Keeps a whole answer of the origin and answers the client with what it asked of it. */
async function store(
  delivery: Delivery,
  response: Response,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Fetched> {
  const { cache, maxEntryBytes } = delivery
  if (response.status !== 200) return reject(cache, response, wanted, exchange)
  const sizeBytes = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY)
  if (response.body === null || sizeBytes > maxEntryBytes) {
    return {
      delivered: { response: passedThrough(response, viewOf(delivery, wanted)), cache: 'BYPASS' },
      outcome: { kind: 'uncached' },
    }
  }
  const headers = storedHeaders(response)
  if (sizeBytes <= BUFFERED_BYTES) {
    return keep(delivery, new Uint8Array(await response.arrayBuffer()), headers, wanted, exchange)
  }
  const [kept, sent] = response.body.tee()
  const outcome = putAway(delivery, kept.pipeThrough(new FixedLengthStream(sizeBytes)), headers, wanted)
  let opened = false
  const answer = finish(exchange, describe(headers, sizeBytes, viewOf(delivery, wanted)), (range) => {
    opened = true
    return slice(sent, range ?? { start: 0, end: sizeBytes - 1 })
  })
  if (!opened) exchange.waitUntil(sent.cancel())
  return { delivered: { response: answer, cache: 'MISS' }, outcome }
}

/** Keeps what is in memory, and answers with it. */
function keep(
  delivery: Delivery,
  bytes: Uint8Array<ArrayBuffer>,
  headers: HeaderRecord,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Fetched {
  const answer = finish(exchange, describe(headers, bytes.length, viewOf(delivery, wanted)), (range) =>
    range === undefined ? bytes : bytes.subarray(range.start, range.end + 1),
  )
  return {
    delivered: { response: answer, cache: 'MISS' },
    outcome: putAway(delivery, bytes, headers, wanted),
  }
}

/** What could not be kept is asked for again by each follower. */
async function putAway(
  { cache, index }: Delivery,
  body: BodyInit,
  headers: HeaderRecord,
  { request, url }: DeliveryRequest,
): Promise<LeaderOutcome> {
  try {
    await Promise.all([cache.put(url, headers, body), remember(index, sourceNameOf(request), url)])
    return { kind: 'cached' }
  } catch (error) {
    console.warn({ message: 'an answer could not be kept', error: String(error) })
    return { kind: 'uncached' }
  }
}

/** An entry that the index does not know is only purged by its age: no reason not to answer. */
async function remember(index: AnswerIndex, name: SourceName, url: CanonicalUrl): Promise<void> {
  try {
    await index.add(name, url)
  } catch (error) {
    console.warn({ message: 'an answer could not be indexed', error: String(error) })
  }
}

async function reject(
  cache: EdgeCache,
  response: Response,
  { url }: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Fetched> {
  if (response.status === 404) exchange.waitUntil(cache.putMissing(url))
  const rejection = await rejectionOf(response)
  const delivered = new Response(rejection.text, { status: rejection.status, headers: rejection.headers })
  return { delivered: { response: delivered, cache: 'MISS' }, outcome: { kind: 'rejected', rejection } }
}

/** A refusal is one short phrase; so it can be told to others. */
async function rejectionOf(
  response: Response,
): Promise<Extract<LeaderOutcome, { kind: 'rejected' }>['rejection']> {
  const headers: HeaderRecord = Object.fromEntries(response.headers)
  for (const name of CONNECTION_HEADERS) delete headers[name]
  return { status: response.status, text: await response.text(), headers }
}

/** Asks the origin for just what the client wants of a stored file. */
async function pass(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  const { method, headers, timings } = exchange
  const response = await timings.measure('origin', () =>
    delivery.origin({ method, path: wanted.originPath, headers: pick(headers, PARTIAL_HEADERS) }, exchange),
  )
  return isFailure(response)
    ? response
    : { response: passedThrough(response, viewOf(delivery, wanted)), cache: 'BYPASS' }
}

function viewOf({ now }: Delivery, { request }: DeliveryRequest): ClientView {
  return { request, nowMs: now() }
}
