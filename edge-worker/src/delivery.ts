/** Delivers media from the cache, else from the origin by way of the cache, once for all that ask together. */

import { isClipFormat } from '@media-proxy/shared/formats.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { CONDITIONAL_HEADERS } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, type HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import type { CachedAnswer, EdgeCache, EntryInfo } from './cache.ts'
import { fromCache, passedThrough, viewOf } from './client-answer.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { pick } from './forward.ts'
import { confirm, isUrlRefused, keep, keepBehind, shareFailure, store } from './keeping.ts'
import type { LocalFlight, LocalFlights } from './local-flights.ts'
import { type FetchOrigin, namesRequest } from './origin.ts'
import { pause } from './pause.ts'
import type { LeaderOutcome, Role, SingleFlight } from './single-flight.ts'
import type { StoredRendition, StoredRenditions } from './stored-renditions.ts'
import { within } from './within.ts'

export interface Delivery {
  readonly cache: EdgeCache
  readonly singleFlight: SingleFlight
  readonly localFlights: LocalFlights
  readonly origin: FetchOrigin
  /** Undefined where no bucket of finished renditions is bound. */
  readonly renditions: StoredRenditions | undefined
  /** Milliseconds since the epoch: what was confirmed before does not count. */
  readonly purgedAt: (name: SourceName) => Promise<number>
  /** By which a zone can purge; undefined without one. */
  readonly tagOf: (name: SourceName) => Promise<string | undefined>
  /** Larger bodies stream past the cache. */
  readonly maxEntryBytes: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** What is to be delivered. */
export interface DeliveryRequest {
  readonly request: SourceRequest
  /** What it is made of. */
  readonly name: SourceName
  /** The one key of the cache and of single flight. */
  readonly url: CanonicalUrl
  /** Raw path and query by which the origin is asked for it. */
  readonly originPath: string
  /**
   * The origin has it in one piece, so it is fetched and kept whole whatever part the client wants; otherwise a part
   * that is not in the cache is asked of the origin as a part, and the whole is fetched behind it.
   */
  readonly whole: boolean
  /** Judged before the origin is asked for what no cache holds. */
  readonly beforeRender: () => Promise<Failure | undefined>
}

/** What the origin answers within this time, in milliseconds, needs no coordinator. */
const QUICK_MS = 100
/** A bucket of renditions that takes longer is not waited for, in milliseconds. */
const STORE_MS = 5000
/** After so many leaders that gave up, a follower asks the origin itself. */
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
    return passPart(delivery, wanted, exchange, purgedAt < delivery.now())

  const local = localFlights.begin(wanted.url)
  if (local !== undefined) return leadHere(delivery, wanted, exchange, local)
  const found = await exchange.timings.measure('flight', () => localFlights.wait(wanted.url))
  if (found.kind !== 'slow') {
    const shared = await follow(delivery, wanted, exchange, found)
    if (shared !== undefined) return shared
  }
  return fly(delivery, wanted, exchange)
}

interface Found {
  /** What the cache has, where it was confirmed after the last purge of its source. */
  readonly known: CachedAnswer | undefined
  /** Milliseconds since the epoch. */
  readonly purgedAt: number
}

async function lookUp(
  { cache, purgedAt: purgedAtOf }: Delivery,
  { name, url }: DeliveryRequest,
): Promise<Found> {
  const [cached, purgedAt] = await Promise.all([cache.match(url), purgedAtOf(name)])
  if (cached === undefined || cached.confirmedAt > purgedAt) return { known: cached, purgedAt }
  await cached.body.cancel()
  return { known: undefined, purgedAt }
}

const PARTIAL_HEADERS = ['range', ...CONDITIONAL_HEADERS, 'if-range']

function isPartial({ method, headers }: EdgeExchange): boolean {
  return method === 'HEAD' || PARTIAL_HEADERS.some((name) => headers.has(name))
}

/** The first of this isolate asks the origin at once, and the coordinator only where that takes long. */
async function leadHere(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  local: LocalFlight,
): Promise<Delivered | Failure> {
  const { singleFlight } = delivery
  const work = asLeader(delivery, wanted, exchange)
  // The work goes on when its own client leaves: others wait for it.
  exchange.waitUntil(outcomeOf(work).then(local.end, () => local.end({ kind: 'abandoned' })))
  const quick = await Promise.race([work, pause(QUICK_MS)])
  if (quick !== undefined) return quick.delivered

  const role = await exchange.timings.measure('flight', () => singleFlight.join(wanted.url, isClip(wanted)))
  local.slow()
  if (role.kind === 'lead') {
    exchange.waitUntil(settleWith(role, outcomeOf(work)))
    return (await work).delivered
  }
  // Another isolate was first; what is asked here in vain, the origin answers together with its request.
  const first = await Promise.race([work, role.outcome])
  if ('delivered' in first) return first.delivered
  const shared = await follow(delivery, wanted, exchange, first)
  if (shared === undefined) return (await work).delivered
  exchange.waitUntil(
    work.then(({ delivered }) => (isFailure(delivered) ? undefined : delivered.response.body?.cancel())),
  )
  return shared
}

/** What is asked for here too, by way of the coordinator. */
async function fly(
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

async function outcomeOf(work: Promise<Led>): Promise<LeaderOutcome> {
  return (await work).outcome
}

/** What a leader found, for one that waited; undefined where it is to ask again. */
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

/** As `Fetched`, or what refused the leader itself. */
interface Led {
  readonly delivered: Delivered | Failure
  readonly outcome: LeaderOutcome | Promise<LeaderOutcome>
}

async function asLeader(delivery: Delivery, wanted: DeliveryRequest, exchange: EdgeExchange): Promise<Led> {
  const entry = await entryOf(delivery, wanted)
  // The call before this one may have settled between our look into the cache and our joining.
  const { known, purgedAt } = await lookUp(delivery, wanted)
  if (known?.fresh) {
    const response = fromCache(known, viewOf(delivery, wanted), exchange)
    return { delivered: { response, cache: 'HIT' }, outcome: { kind: 'cached' } }
  }
  if (known !== undefined) return revalidate(delivery, known, wanted, exchange, entry)
  const stored = wanted.whole ? await findStored(delivery, wanted, exchange, purgedAt) : undefined
  if (stored !== undefined) {
    // Its source was last looked at when it was written.
    const written = { ...entry, askedAt: stored.writtenAt }
    return keep(delivery, stored.bytes, stored.headers, wanted, exchange, written)
  }
  const rejected = await wanted.beforeRender()
  if (rejected !== undefined) return { delivered: rejected, outcome: { kind: 'abandoned' } }
  const { delivered, outcome } = await fetchWhole(delivery, wanted, exchange, entry)
  return { delivered, outcome: entry.askedAt > purgedAt ? outcome : unkept(outcome) }
}

/** So soon after a purge nobody believes what is kept. */
async function unkept(outcome: Led['outcome']): Promise<LeaderOutcome> {
  const found = await outcome
  return found.kind === 'cached' ? { kind: 'uncached' } : found
}

async function entryOf({ now, tagOf }: Delivery, { name }: DeliveryRequest): Promise<EntryInfo> {
  return { askedAt: now(), tag: await tagOf(name) }
}

/** A bucket that fails, or says nothing, is no reason not to ask the origin. */
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

/** A copy past its time is confirmed by its ETag; where the origin cannot say, most are still better than nothing. */
async function revalidate(
  delivery: Delivery,
  cached: CachedAnswer,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  entry: EntryInfo,
): Promise<Led> {
  const { cache } = delivery
  const condition = cached.etag === undefined ? {} : { 'if-none-match': cached.etag }
  const response = await askOrigin(delivery, wanted, condition, exchange)
  const asBefore = (kept: CachedAnswer): Delivered => ({
    response: fromCache(kept, viewOf(delivery, wanted), exchange),
    cache: 'HIT',
  })
  if (cached.usable && (isFailure(response) || isUntold(response))) {
    if (!isFailure(response)) exchange.waitUntil(response.body?.cancel() ?? Promise.resolve())
    return { delivered: asBefore(cached), outcome: { kind: 'cached' } }
  }
  if (isFailure(response)) {
    await cached.body.cancel()
    return failed(response, exchange)
  }
  if (response.status === 304) {
    const confirmed = confirm(delivery, wanted.url, cached, entry)
    exchange.waitUntil(confirmed)
    return {
      delivered: asBefore({ ...cached, confirmedAt: entry.askedAt }),
      outcome: confirmed.then(() => ({ kind: 'cached' })),
    }
  }
  await cached.body.cancel()
  if (response.status !== 200 && !isUntold(response) && !isUrlRefused(response))
    exchange.waitUntil(cache.delete(wanted.url))
  return store(delivery, response, wanted, exchange, entry)
}

/** Refused for a while, or by what stands before the origin: either says nothing of what was asked for. */
function isUntold(response: Response): boolean {
  const { status } = response
  return status >= 500 || status === 429 || (status >= 400 && !namesRequest(response))
}

async function fetchWhole(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  entry: EntryInfo,
): Promise<Led> {
  const response = await askOrigin(delivery, wanted, {}, exchange)
  return isFailure(response) ? failed(response, exchange) : store(delivery, response, wanted, exchange, entry)
}

async function failed(failure: Failure, { requestId }: EdgeExchange): Promise<Led> {
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

/** Asks the origin for just what the client wants of a stored file, and for the whole behind it, where that is kept. */
async function passPart(
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
  if (isKept && response.status === 206 && fits) exchange.waitUntil(fetchBehind(delivery, wanted, exchange))
  return { response: passedThrough(response, viewOf(delivery, wanted)), cache: 'BYPASS' }
}

/** Players ask for parts only: without this, what they play would never be kept. */
async function fetchBehind(
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
    const outcome = readBehind(delivery, wanted, exchange)
    await settleWith(role, outcome)
    await outcome
  } finally {
    local.end({ kind: 'slow' })
  }
}

async function readBehind(
  delivery: Delivery,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
): Promise<LeaderOutcome> {
  const entry = await entryOf(delivery, wanted)
  const { known } = await lookUp(delivery, wanted)
  await known?.body.cancel()
  if (known?.fresh) return { kind: 'cached' }
  const response = await delivery.origin({ method: 'GET', path: wanted.originPath }, exchange)
  return isFailure(response) ? { kind: 'abandoned' } : keepBehind(delivery, response, wanted.url, entry)
}

/** What may take minutes to be made. */
function isClip({ request }: DeliveryRequest): boolean {
  return (
    'transformation' in request &&
    request.transformation !== undefined &&
    isClipFormat(request.transformation.format)
  )
}
