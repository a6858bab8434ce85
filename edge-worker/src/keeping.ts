/** From an answer of the origin to what the client gets of it and what the cache keeps. */

import { joinChunks } from '@media-proxy/shared/join-chunks.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { fail } from '@media-proxy/shared/response/failure.ts'
import { finish, type Representation } from '@media-proxy/shared/response/finish.ts'
import { failureResponse, type HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { URL_REFUSED_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import type { CachedAnswer, EntryInfo } from './cache.ts'
import { describe, passedThrough, storedHeaders, viewOf } from './client-answer.ts'
import type { Delivery, DeliveryRequest } from './delivery.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { WAY_HEADERS } from './forward.ts'
import { namesRequest } from './origin.ts'
import { pause } from './pause.ts'
import type { LeaderOutcome } from './single-flight.ts'
import { slice } from './slice.ts'
import { within } from './within.ts'

/** What the leader answers its own client, and, later, tells its followers. */
export interface Fetched {
  readonly delivered: Delivered
  readonly outcome: LeaderOutcome | Promise<LeaderOutcome>
}

/** Bodies up to here are held whole, which lets the connection to the origin go at once. */
const BUFFERED_BYTES = 1024 * 1024
/** The cache gets a larger one no faster than the client reads it: so long others wait for that. In milliseconds. */
const KEEPING_MS = 5000
/** An origin that says nothing for so long in the middle of a small body is gone. In milliseconds. */
const STALLED_MS = 30_000

/** Keeps a whole answer of the origin and answers the client with what it asked of it. */
export async function store(
  delivery: Delivery,
  response: Response,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  entry: EntryInfo,
): Promise<Fetched> {
  if (response.status !== 200) return shareRejection(delivery, response, wanted, exchange, entry)
  const { body } = response
  const declared = response.headers.get('content-length')
  const sizeBytes = Number(declared ?? Number.POSITIVE_INFINITY)
  if (body === null) return { delivered: passBy(response, delivery, wanted), outcome: { kind: 'uncached' } }
  if (declared !== null && sizeBytes > delivery.maxEntryBytes) {
    // Too large to be kept; but its length is known, so the client gets the part that it asked for.
    const described = describe(storedHeaders(response), sizeBytes, viewOf(delivery, wanted))
    const answer = answerFrom(body, described, exchange)
    return { delivered: { response: answer, cache: 'BYPASS' }, outcome: { kind: 'uncached' } }
  }
  if (sizeBytes > BUFFERED_BYTES && declared !== null)
    return storeStreamed(delivery, response, body, sizeBytes, wanted, exchange, entry)
  const held = await hold(body)
  if ('error' in held) return brokenOff(held.error, exchange)
  if (held.rest !== undefined) {
    const copy = new Response(held.rest, response)
    return { delivered: passBy(copy, delivery, wanted), outcome: { kind: 'uncached' } }
  }
  if (declared !== null && held.bytes.length !== sizeBytes) return brokenOff('another length', exchange)
  const headers = { ...storedHeaders(response), 'content-length': String(held.bytes.length) }
  return keep(delivery, held.bytes, headers, wanted, exchange, entry)
}

function storeStreamed(
  delivery: Delivery,
  response: Response,
  body: ReadableStream<Uint8Array>,
  sizeBytes: number,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  entry: EntryInfo,
): Fetched {
  const headers = storedHeaders(response)
  const [copy, sent] = body.tee()
  const kept = putStreamAway(delivery, copy, sizeBytes, headers, wanted.url, entry)
  exchange.waitUntil(kept)
  const outcome = Promise.race([kept, pause(KEEPING_MS).then((): LeaderOutcome => ({ kind: 'uncached' }))])
  const answer = answerFrom(sent, describe(headers, sizeBytes, viewOf(delivery, wanted)), exchange)
  return { delivered: { response: answer, cache: 'MISS' }, outcome }
}

/** Answers with what the client wants of a body, which is read or cancelled. */
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
  if (!opened) exchange.waitUntil(body.cancel())
  return answer
}

/** Keeps what is in memory, and answers with it. */
export function keep(
  delivery: Delivery,
  bytes: Uint8Array<ArrayBuffer>,
  headers: HeaderRecord,
  wanted: DeliveryRequest,
  exchange: EdgeExchange,
  entry: EntryInfo,
): Fetched {
  const answer = finish(exchange, describe(headers, bytes.length, viewOf(delivery, wanted)), (range) =>
    range === undefined ? bytes : bytes.subarray(range.start, range.end + 1),
  )
  return {
    delivered: { response: answer, cache: 'MISS' },
    outcome: putAway(delivery, bytes, headers, wanted.url, entry),
  }
}

/** Fetches the whole behind an answer that was only a part of it. */
export async function keepBehind(
  delivery: Delivery,
  response: Response,
  url: CanonicalUrl,
  entry: EntryInfo,
): Promise<LeaderOutcome> {
  const sizeBytes = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY)
  if (response.status !== 200 || response.body === null || sizeBytes > delivery.maxEntryBytes) {
    await response.body?.cancel()
    return { kind: 'uncached' }
  }
  return putStreamAway(delivery, response.body, sizeBytes, storedHeaders(response), url, entry)
}

/** Confirms what is kept. */
export async function confirm(
  { cache }: Delivery,
  url: CanonicalUrl,
  { etag }: CachedAnswer,
  entry: EntryInfo,
): Promise<void> {
  const again = await cache.match(url)
  if (again === undefined) return
  // Another one that was put in its place meanwhile is newer.
  if (again.etag === etag) await cache.put(url, again.headers, again.body, entry)
  else await again.body.cancel()
}

/** The same short answer for all that wait. */
export async function shareFailure(response: Response): Promise<Fetched> {
  const headers: HeaderRecord = Object.fromEntries(response.headers)
  for (const name of [...WAY_HEADERS, URL_REFUSED_HEADER]) delete headers[name]
  const text = await textOf(response)
  headers['content-length'] = String(new TextEncoder().encode(text).length)
  const rejection = { status: response.status, text, headers }
  const delivered = new Response(rejection.text, { status: rejection.status, headers })
  return { delivered: { response: delivered, cache: 'MISS' }, outcome: { kind: 'rejected', rejection } }
}

/** A refusal is known by its status: of one whose text breaks off there is none. */
async function textOf(response: Response): Promise<string> {
  try {
    return await response.text()
  } catch {
    return ''
  }
}

async function shareRejection(
  { cache }: Delivery,
  response: Response,
  { url }: DeliveryRequest,
  exchange: EdgeExchange,
  entry: EntryInfo,
): Promise<Fetched> {
  if (isUrlRefused(response)) return { ...(await shareFailure(response)), outcome: { kind: 'abandoned' } }
  if (response.status === 404 && namesRequest(response)) exchange.waitUntil(cache.putMissing(url, entry))
  return shareFailure(response)
}

/** Refused was the URL of this client: that says nothing of what others ask for by theirs. */
export function isUrlRefused({ headers }: Response): boolean {
  return headers.has(URL_REFUSED_HEADER)
}

/** Nothing was sent yet, so the client can still be told. */
function brokenOff(error: unknown, { requestId }: EdgeExchange): Promise<Fetched> {
  const failure = fail('origin-unreachable', `its answer broke off: ${String(error)}`, { 'retry-after': '5' })
  return shareFailure(failureResponse(failure, requestId))
}

function passBy(response: Response, delivery: Delivery, wanted: DeliveryRequest): Delivered {
  return { response: passedThrough(response, viewOf(delivery, wanted)), cache: 'BYPASS' }
}

type Held =
  | { readonly bytes: Uint8Array<ArrayBuffer>; readonly rest?: undefined }
  /** All of the body, its start included. */
  | { readonly rest: ReadableStream<Uint8Array> }
  | { readonly error: unknown }

/** Reads a body whole where it is small. */
async function hold(body: ReadableStream<Uint8Array>): Promise<Held> {
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
    // Of one that has broken off nothing is left to be cancelled.
    await reader.cancel(error).catch(() => undefined)
    return { error }
  }
  return { rest: behind(chunks, reader) }
}

function behind(
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

/** The local cache writes for a while after it has said that it did. */
async function removeSurely({ cache }: Delivery, url: CanonicalUrl): Promise<void> {
  for (let waitMs = 50; !(await cache.delete(url)) && waitMs < 2000; waitMs *= 2)
    await new Promise((resolve) => setTimeout(resolve, waitMs))
}

/** Not every cache notices that what it is given breaks off. */
async function putStreamAway(
  delivery: Delivery,
  body: ReadableStream<Uint8Array>,
  sizeBytes: number,
  headers: HeaderRecord,
  url: CanonicalUrl,
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
  const outcome = await putAway(delivery, stream, headers, url, entry)
  if (seen === sizeBytes) return outcome
  await removeSurely(delivery, url)
  return { kind: 'uncached' }
}

/** What could not be kept is asked for again by each follower. */
async function putAway(
  { cache }: Delivery,
  body: BodyInit,
  headers: HeaderRecord,
  url: CanonicalUrl,
  entry: EntryInfo,
): Promise<LeaderOutcome> {
  try {
    await cache.put(url, headers, body, entry)
    return { kind: 'cached' }
  } catch (error) {
    console.warn({ message: 'an answer could not be kept', error: String(error) })
    return { kind: 'uncached' }
  }
}
