/**
 * Turns a response of the origin into the client's response, the cache entry and the outcome for followers.
 */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { joinChunks } from '@media-proxy/shared/join-chunks.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { fail } from '@media-proxy/shared/response/failure.ts'
import { finish, type Representation } from '@media-proxy/shared/response/finish.ts'
import { failureResponse, type HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { URL_REJECTED_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import type { CachedResponse, EntryInfo } from './cache.ts'
import { describe, passThrough, storedHeaders, viewOf } from './client-answer.ts'
import type { Delivery, DeliveryRequest } from './delivery-request.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { HOP_HEADERS } from './forward.ts'
import { hasRequestId } from './origin.ts'
import { pause } from './pause.ts'
import type { LeaderOutcome } from './single-flight.ts'
import { slice } from './slice.ts'
import { within } from './within.ts'

/** The response of the leader to its own client, and the outcome for its followers, which may come later. */
export interface Fetched {
  readonly delivered: Delivered
  readonly outcome: LeaderOutcome | Promise<LeaderOutcome>
}

/** The largest body that is buffered completely, which frees the connection to the origin at once. */
const BUFFERED_BYTES = 1024 * 1024
/**
 * How long followers wait until a larger body is cached, in milliseconds. The cache receives it only as fast
 * as the leader's client reads it.
 */
const CACHE_WAIT_MS = 5000
/** The timeout between two chunks of a small body from the origin, in milliseconds. */
const STALLED_MS = 30_000

/**
 * Caches a complete response of the origin, and answers the client with the requested part. A response that
 * is not the origin's, such as a login page, is passed on and not cached.
 */
export async function store(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
  response: Response,
  entry: EntryInfo,
): Promise<Fetched> {
  if (response.status !== 200) return shareRejection(delivery, deliveryRequest, response, entry)
  const { exchange } = deliveryRequest
  const { body } = response
  if (body === null || !hasRequestId(response))
    return { delivered: bypassCache(delivery, deliveryRequest, response), outcome: { kind: 'uncached' } }
  const declared = response.headers.get('content-length')
  const sizeBytes = Number(declared ?? Number.POSITIVE_INFINITY)
  if (declared !== null && sizeBytes > delivery.maxEntryBytes) {
    // Too large to be cached, but the length is known, so the client gets the requested part.
    const described = describe(storedHeaders(response), sizeBytes, viewOf(delivery, deliveryRequest))
    const answer = answerFrom(body, described, exchange)
    return { delivered: { response: answer, cache: 'BYPASS' }, outcome: { kind: 'uncached' } }
  }
  if (sizeBytes > BUFFERED_BYTES && declared !== null)
    return storeStreamed(
      delivery,
      deliveryRequest,
      { headers: storedHeaders(response), body, sizeBytes },
      entry,
    )
  const held = await readSmallBody(body)
  if ('error' in held) return interruptedFailure(held.error, exchange)
  if (held.rest !== undefined) {
    const copy = new Response(held.rest, response)
    return { delivered: bypassCache(delivery, deliveryRequest, copy), outcome: { kind: 'uncached' } }
  }
  if (declared !== null && held.bytes.length !== sizeBytes)
    return interruptedFailure('another length', exchange)
  const headers = { ...storedHeaders(response), 'content-length': String(held.bytes.length) }
  return storeBytes(delivery, deliveryRequest, { headers, bytes: held.bytes }, entry)
}

/** A complete response whose body is streamed. `headers` are those shared by all clients. */
interface StreamedResponse {
  readonly headers: HeaderRecord
  readonly body: ReadableStream<Uint8Array>
  readonly sizeBytes: number
}

function storeStreamed(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
  { headers, body, sizeBytes }: StreamedResponse,
  entry: EntryInfo,
): Fetched {
  const { exchange, url } = deliveryRequest
  const [copy, sent] = body.tee()
  const kept = putStream(delivery, url, { headers, body: copy, sizeBytes }, entry)
  exchange.waitUntil(kept)
  const outcome = Promise.race([kept, pause(CACHE_WAIT_MS).then((): LeaderOutcome => ({ kind: 'uncached' }))])
  const answer = answerFrom(sent, describe(headers, sizeBytes, viewOf(delivery, deliveryRequest)), exchange)
  return { delivered: { response: answer, cache: 'MISS' }, outcome }
}

/** Answers with the requested part of a body. The body is read or cancelled. */
function answerFrom(
  body: ReadableStream<Uint8Array>,
  described: Representation,
  exchange: EdgeExchange,
): Response {
  let opened = false
  const answer = finish(exchange, described, (range) => {
    opened = true
    return range === undefined ? body : slice(body, range)
  })
  if (!opened) exchange.waitUntil(discardBody(body))
  return answer
}

/** Caches a body that is in memory, and answers with it. */
export function storeBytes(
  delivery: Delivery,
  deliveryRequest: DeliveryRequest,
  { headers, bytes }: { readonly headers: HeaderRecord; readonly bytes: Uint8Array<ArrayBuffer> },
  entry: EntryInfo,
): Fetched {
  const answer = finish(
    deliveryRequest.exchange,
    describe(headers, bytes.length, viewOf(delivery, deliveryRequest)),
    (range) => (range === undefined ? bytes : bytes.subarray(range.start, range.end + 1)),
  )
  return {
    delivered: { response: answer, cache: 'MISS' },
    outcome: putBody(delivery, deliveryRequest.url, { headers, body: bytes }, entry),
  }
}

/** Caches a complete response that was fetched in the background of a partial one. */
export async function storeInBackground(
  delivery: Delivery,
  url: CanonicalUrl,
  response: Response,
  entry: EntryInfo,
): Promise<LeaderOutcome> {
  const sizeBytes = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY)
  const isCacheable = response.status === 200 && hasRequestId(response) && sizeBytes <= delivery.maxEntryBytes
  if (!isCacheable || response.body === null) {
    await discardBody(response.body)
    return { kind: 'uncached' }
  }
  return putStream(delivery, url, { headers: storedHeaders(response), body: response.body, sizeBytes }, entry)
}

/** Marks a cached response as validated. */
export async function markValidated(
  { cache }: Delivery,
  url: CanonicalUrl,
  { etag }: CachedResponse,
  entry: EntryInfo,
): Promise<void> {
  const again = await cache.match(url)
  if (again === undefined) return
  // A different entry was stored in the meantime, and is newer.
  if (again.etag === etag) await cache.put(url, again.headers, again.body, entry)
  else await discardBody(again.body)
}

/** Returns a short response that is shared with all followers. */
export async function shareFailure(response: Response): Promise<Fetched> {
  const headers: HeaderRecord = Object.fromEntries(response.headers)
  for (const name of [...HOP_HEADERS, URL_REJECTED_HEADER]) delete headers[name]
  const text = await textOf(response)
  headers['content-length'] = String(new TextEncoder().encode(text).length)
  const rejection = { status: response.status, text, headers }
  const delivered = new Response(rejection.text, { status: rejection.status, headers })
  return { delivered: { response: delivered, cache: 'MISS' }, outcome: { kind: 'rejected', rejection } }
}

/** Reads the text of an error response. Empty when it breaks off, because the status is sufficient. */
async function textOf(response: Response): Promise<string> {
  try {
    return await response.text()
  } catch {
    return ''
  }
}

async function shareRejection(
  { cache }: Delivery,
  { url, exchange }: DeliveryRequest,
  response: Response,
  entry: EntryInfo,
): Promise<Fetched> {
  if (isUrlRejected(response)) return { ...(await shareFailure(response)), outcome: { kind: 'abandoned' } }
  if (response.status === 404 && hasRequestId(response)) exchange.waitUntil(cache.putMissing(url, entry))
  return shareFailure(response)
}

/** Whether the origin rejected the client's URL, which says nothing about the source under other URLs. */
export function isUrlRejected({ headers }: Response): boolean {
  return headers.has(URL_REJECTED_HEADER)
}

/** Returns a failure for a body that broke off before anything was sent to the client. */
function interruptedFailure(error: unknown, { requestId }: EdgeExchange): Promise<Fetched> {
  const failure = fail('origin-unreachable', `its answer broke off: ${String(error)}`, { 'retry-after': '5' })
  return shareFailure(failureResponse(failure, requestId))
}

function bypassCache(delivery: Delivery, deliveryRequest: DeliveryRequest, response: Response): Delivered {
  return { response: passThrough(response, viewOf(delivery, deliveryRequest)), cache: 'BYPASS' }
}

type SmallBody =
  | { readonly bytes: Uint8Array<ArrayBuffer>; readonly rest?: undefined }
  /** The whole body, including its start. */
  | { readonly rest: ReadableStream<Uint8Array> }
  | { readonly error: unknown }

/** Reads a small body completely. */
async function readSmallBody(body: ReadableStream<Uint8Array>): Promise<SmallBody> {
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    while (length <= BUFFERED_BYTES) {
      const { done, value } = await within(STALLED_MS, reader.read())
      if (done) return { bytes: joinChunks(chunks, length) }
      chunks.push(value)
      length += value.length
    }
  } catch (error) {
    // Cancelling a body that has broken off rejects, and has no effect.
    await discardBody(reader, error)
    return { error }
  }
  return { rest: rejoinBody(chunks, reader) }
}

function rejoinBody(
  chunks: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  const held = chunks[Symbol.iterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = held.next()
      if (!next.done) return controller.enqueue(next.value)
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

/** The waits before an entry is removed again, in milliseconds. */
const REMOVAL_WAITS_MS = [0, 50, 100, 200, 400, 800, 1600]

/** Removes an entry, with retries: the cache of local development still writes after `put` has resolved. */
async function removeWithRetries({ cache }: Delivery, url: CanonicalUrl): Promise<void> {
  for (const waitMs of REMOVAL_WAITS_MS) {
    if (waitMs > 0) await pause(waitMs)
    if (await cache.delete(url)) return
  }
  console.warn({ message: 'an incomplete cache entry could not be removed' })
}

/** Caches a stream, and removes the entry if the stream breaks off, which not every cache detects. */
async function putStream(
  delivery: Delivery,
  url: CanonicalUrl,
  { headers, body, sizeBytes }: StreamedResponse,
  entry: EntryInfo,
): Promise<LeaderOutcome> {
  let seen = 0
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      seen += chunk.length
      controller.enqueue(chunk)
    },
  })
  const stream = body.pipeThrough(counter).pipeThrough(new FixedLengthStream(sizeBytes))
  const outcome = await putBody(delivery, url, { headers, body: stream }, entry)
  if (seen === sizeBytes) return outcome
  if (outcome.kind === 'cached') await removeWithRetries(delivery, url)
  return { kind: 'uncached' }
}

/** Caches a body. If that fails, each follower requests it again. */
async function putBody(
  { cache }: Delivery,
  url: CanonicalUrl,
  { headers, body }: { readonly headers: HeaderRecord; readonly body: BodyInit },
  entry: EntryInfo,
): Promise<LeaderOutcome> {
  try {
    await cache.put(url, headers, body, entry)
    return { kind: 'cached' }
  } catch (error) {
    console.warn({ message: 'caching a response failed', error: String(error) })
    return { kind: 'uncached' }
  }
}
