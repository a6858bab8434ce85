/** Delivers media from the cache, else from the origin by way of the cache. */

import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type {
  AssetRequest,
  AttachmentRequest,
  FileRequest,
} from '@media-proxy/shared/request/media-request.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { finish, type Representation } from '@media-proxy/shared/response/finish.ts'
import type { HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import type { CachedAnswer, EdgeCache } from './cache.ts'
import { CONNECTION_HEADERS, mutable, pick } from './forward.ts'
import type { EdgeExchange } from './gateway.ts'
import type { FetchOrigin } from './origin.ts'
import { slice } from './slice.ts'

export interface Delivery {
  readonly cache: EdgeCache
  readonly origin: FetchOrigin
  /** Larger bodies stream past the cache. */
  readonly maxEntryBytes: number
}

export interface Delivered {
  readonly response: Response
  readonly cache: 'HIT' | 'MISS' | 'COALESCED' | 'BYPASS'
}

type CacheableRequest = AssetRequest | AttachmentRequest | FileRequest

/**
 * `whole`: the origin has it in one piece, so it is fetched and kept whole whatever part the client wants;
 * otherwise a part that is not in the cache is asked of the origin as a part, past the cache.
 */
export async function deliver(
  delivery: Delivery,
  request: CacheableRequest,
  url: CanonicalUrl,
  whole: boolean,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  const cached = await exchange.timings.measure('cache', () => delivery.cache.match(url))
  if (cached?.fresh) return { response: fromCache(cached, request, exchange), cache: 'HIT' }
  if (cached !== undefined) return revalidate(delivery, cached, request, url, exchange)
  const partial = PARTIAL_HEADERS.some((name) => exchange.headers.has(name)) || exchange.method === 'HEAD'
  if (!whole && partial) return pass(delivery, request, url, exchange)
  return fetchWhole(delivery, request, url, {}, exchange)
}

const PARTIAL_HEADERS = ['range', 'if-none-match', 'if-modified-since', 'if-range']

function fromCache(cached: CachedAnswer, request: CacheableRequest, exchange: EdgeExchange): Response {
  const representation = { ...cached, headers: clientHeaders(cached.headers, request) }
  let opened = false
  const response = finish(exchange, representation, (range) => {
    opened = true
    return range === undefined ? cached.body : slice(cached.body, range)
  })
  if (!opened) exchange.waitUntil(cached.body.cancel())
  return response
}

/** A copy past its time is confirmed by its ETag; where the origin cannot say, it is still better than nothing. */
async function revalidate(
  delivery: Delivery,
  cached: CachedAnswer,
  request: CacheableRequest,
  url: CanonicalUrl,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  const condition = cached.etag === undefined ? {} : { 'if-none-match': cached.etag }
  const response = await askOrigin(delivery, url, condition, exchange)
  if (isFailure(response) || response.status >= 500) {
    if (!isFailure(response)) exchange.waitUntil(response.body?.cancel() ?? Promise.resolve())
    return { response: fromCache(cached, request, exchange), cache: 'HIT' }
  }
  if (response.status === 304) {
    exchange.waitUntil(confirm(delivery.cache, url, cached.headers))
    return { response: fromCache(cached, request, exchange), cache: 'HIT' }
  }
  await cached.body.cancel()
  if (response.status !== 200) exchange.waitUntil(delivery.cache.delete(url))
  return store(delivery, response, request, url, exchange)
}

async function confirm(cache: EdgeCache, url: CanonicalUrl, headers: HeaderRecord): Promise<void> {
  const again = await cache.match(url)
  if (again !== undefined) await cache.put(url, headers, again.body)
}

async function fetchWhole(
  delivery: Delivery,
  request: CacheableRequest,
  url: CanonicalUrl,
  condition: HeaderRecord,
  exchange: EdgeExchange,
): Promise<Delivered | Failure> {
  const response = await askOrigin(delivery, url, condition, exchange)
  return isFailure(response) ? response : store(delivery, response, request, url, exchange)
}

function askOrigin(
  { origin }: Delivery,
  url: CanonicalUrl,
  headers: HeaderRecord,
  { requestId, timings }: EdgeExchange,
): Promise<Response | Failure> {
  return timings.measure('origin', () =>
    origin({ method: 'GET', path: url, headers: { ...headers, 'x-request-id': requestId } }),
  )
}

/** Bodies up to here are held whole, which lets the connection to the origin go at once. */
const BUFFERED_BYTES = 1024 * 1024

/** Keeps a whole answer of the origin and answers the client with what it asked of it. */
async function store(
  { cache, maxEntryBytes }: Delivery,
  response: Response,
  request: CacheableRequest,
  url: CanonicalUrl,
  exchange: EdgeExchange,
): Promise<Delivered> {
  const sizeBytes = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY)
  if (response.status !== 200 || response.body === null || sizeBytes > maxEntryBytes) {
    return { response: varied(response, request), cache: response.status === 200 ? 'BYPASS' : 'MISS' }
  }
  const headers = storedHeaders(response)
  const representation = describe(headers, sizeBytes, request)
  if (sizeBytes <= BUFFERED_BYTES) {
    const bytes = new Uint8Array(await response.arrayBuffer())
    exchange.waitUntil(cache.put(url, headers, bytes))
    const answer = finish(exchange, representation, (range) =>
      range === undefined ? bytes : bytes.subarray(range.start, range.end + 1),
    )
    return { response: answer, cache: 'MISS' }
  }
  const [kept, sent] = response.body.tee()
  exchange.waitUntil(cache.put(url, headers, kept.pipeThrough(new FixedLengthStream(sizeBytes))))
  let opened = false
  const answer = finish(exchange, representation, (range) => {
    opened = true
    return slice(sent, range ?? { start: 0, end: sizeBytes - 1 })
  })
  if (!opened) exchange.waitUntil(sent.cancel())
  return { response: answer, cache: 'MISS' }
}

/** Asks the origin for just what the client wants of a stored file. */
async function pass(
  { origin }: Delivery,
  request: CacheableRequest,
  url: CanonicalUrl,
  { method, headers, requestId, timings }: EdgeExchange,
): Promise<Delivered | Failure> {
  const response = await timings.measure('origin', () =>
    origin({ method, path: url, headers: { ...pick(headers, PARTIAL_HEADERS), 'x-request-id': requestId } }),
  )
  return isFailure(response) ? response : { response: varied(response, request), cache: 'BYPASS' }
}

function varied(response: Response, request: CacheableRequest): Response {
  const copy = mutable(response)
  if (request.kind !== 'file' && request.negotiable) copy.headers.set('vary', 'Accept')
  else copy.headers.delete('vary')
  return copy
}

function storedHeaders(response: Response): HeaderRecord {
  const headers: HeaderRecord = Object.fromEntries(response.headers)
  for (const name of [...CONNECTION_HEADERS, 'vary', 'x-request-id']) delete headers[name]
  return headers
}

function describe(headers: HeaderRecord, sizeBytes: number, request: CacheableRequest): Representation {
  const lastModified = headers['last-modified']
  return {
    headers: clientHeaders(headers, request),
    sizeBytes,
    etag: headers.etag,
    lastModified: lastModified === undefined ? undefined : new Date(lastModified),
  }
}

/** Two URLs of one rendition may differ in whether they negotiate, so `Vary` is the request's, not the entry's. */
function clientHeaders(headers: HeaderRecord, request: CacheableRequest): HeaderRecord {
  return request.kind !== 'file' && request.negotiable ? { ...headers, vary: 'Accept' } : headers
}
