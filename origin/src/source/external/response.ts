/** Reads the response of an external server: its status, the part that it declares, and its body. */

import {
  type ByteRange,
  parseHttpDate,
  type RangeRequest,
  resolveRange,
} from '@media-proxy/shared/response/conditional.ts'
import { externalLifetimeSeconds } from '@media-proxy/shared/response/external-lifetime.ts'
import { type Failure, fail, isFailure, rangeNotSatisfiable } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import type { Coding } from '@media-proxy/shared/store/coding/content-coding.ts'
import { type DecodedBody, decodeBody } from '@media-proxy/shared/store/coding/decode-body.ts'
import { failureOf, timeoutFailure } from './exchange-failure.ts'
import type { HttpResponse } from './lenient-request.ts'

/** A response of the upstream. The caller has to read `body` to its end or cancel it. */
export interface ExternalResponse {
  /** The URL after redirects. */
  readonly url: string
  /** The size of the whole file. Undefined when the upstream does not declare it. */
  readonly sizeBytes: number | undefined
  /** The range of `body`, when a range was requested and the upstream supports it. */
  readonly range?: ByteRange
  /** A strong ETag. A weak one is ignored, because it does not identify the bytes. */
  readonly etag: string | undefined
  readonly lastModified: Date | undefined
  /** Whether the upstream announces support for ranges, or has just answered one. */
  readonly offersRanges: boolean
  /**
   * How long the upstream allows the response to be cached, in seconds, when that is less than our own limit.
   */
  readonly lifetimeSeconds: number | undefined
  readonly body: ReadableStream<Uint8Array>
}

/**
 * Whether two responses are of the same version of a file: they have the same size and ETag, or without an ETag
 * the same date. Several servers may store the same bytes with different dates.
 */
export function isSameFile(one: ExternalResponse, other: ExternalResponse): boolean {
  if (one.sizeBytes !== other.sizeBytes || one.etag !== other.etag) return false
  return one.etag !== undefined || one.lastModified?.getTime() === other.lastModified?.getTime()
}

export interface ReadOptions {
  /** The timeout of the whole exchange, in milliseconds. Only named in failures; the deadline ends the body. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** The request of a response. */
export interface SentRequest {
  readonly url: URL
  /** Undefined when the whole file was requested. */
  readonly range: RangeRequest | undefined
}

/**
 * Turns a response that is not a redirect into an `ExternalResponse` or a failure. `codings` are decoded,
 * within the size limit.
 */
export async function readResponse(
  { url, range }: SentRequest,
  answer: HttpResponse,
  { codings, maxBytes, timeoutMs }: ReadOptions & { readonly codings: readonly Coding[] },
  deadline: AbortSignal,
): Promise<ExternalResponse | Failure> {
  const { statusCode } = answer
  const part = range !== undefined && declaresPart(answer) ? partOf(answer, range) : undefined
  if (!isWhole(answer, range) && part === undefined) {
    discardResponse(answer)
    return rejectionOf(answer, range)
  }
  const sizeBytes = part === undefined ? lengthOf(answer) : part.sizeBytes
  if (sizeBytes !== undefined && sizeBytes > maxBytes) {
    discardResponse(answer)
    return fail('source-too-large', `${sizeBytes} bytes`)
  }
  const etag = header(answer, 'etag')
  const sent = boundedBody(answer.body, maxBytes, timeoutMs, deadline)
  const decoded = codings.length === 0 ? undefined : await decodeBody(sent, codings, maxBytes)
  if (isFailure(decoded))
    return decoded.code === 'broken-source' ? fail('external-unreachable', decoded.detail) : decoded
  const whole = decoded?.complete ? decoded.bytes : undefined
  return {
    url: url.href,
    sizeBytes: decoded === undefined ? sizeBytes : whole?.length,
    ...(part === undefined ? {} : { range: part.range }),
    etag: etag !== undefined && /^"[\x21\x23-\x7e]{1,200}"$/.test(etag) ? etag : undefined,
    lastModified: parseHttpDate(header(answer, 'last-modified')),
    offersRanges:
      codings.length === 0 &&
      (part !== undefined ||
        statusCode === 206 ||
        header(answer, 'accept-ranges')?.toLowerCase() === 'bytes'),
    lifetimeSeconds: externalLifetimeSeconds(statusCode, listHeader(answer, 'cache-control')),
    body: decoded === undefined ? sent : bodyOf(decoded),
  }
}

/**
 * Whether a response contains the whole file. As in browsers, that is every successful one but 204 and 205,
 * which have no body. Some servers send the whole file as a 206 although no range was requested.
 */
function isWhole(answer: HttpResponse, range: RangeRequest | undefined): boolean {
  const { statusCode } = answer
  if (!isSuccess(statusCode) || statusCode === 204 || statusCode === 205) return false
  if (range !== undefined) return !declaresPart(answer)
  if (statusCode !== 206) return true
  const part = partOf(answer, { start: 0 })
  return part?.range.start === 0 && part.range.end + 1 === part.sizeBytes
}

/** Whether the response to a request for a range is a part. Some scripts forget the status 206. */
function declaresPart(answer: HttpResponse): boolean {
  const { statusCode } = answer
  return statusCode === 206 || (isSuccess(statusCode) && header(answer, 'content-range') !== undefined)
}

function isSuccess(statusCode: number): boolean {
  return statusCode >= 200 && statusCode <= 299
}

interface Part {
  readonly range: ByteRange
  /** The size of the whole file. Undefined when it is not declared. */
  readonly sizeBytes: number | undefined
}

/**
 * Returns the part that a response declares. Undefined when it declares none, contradicts itself, or is not
 * the requested one.
 */
function partOf(answer: HttpResponse, requestedRange: RangeRequest): Part | undefined {
  // Browsers accept spaces around the numbers and any case of the unit, too.
  const match = /^bytes\s+(\d{1,15})\s*-\s*(\d{1,15})\s*\/\s*(\d{1,15}|\*)$/i.exec(
    header(answer, 'content-range') ?? '',
  )
  if (match === null) return undefined
  const [start, end] = [Number(match[1]), Number(match[2])]
  const sizeBytes = match[3] === '*' ? undefined : Number(match[3])
  const length = lengthOf(answer)
  if (end < start || (length !== undefined && length !== end - start + 1)) return undefined
  if (sizeBytes === undefined) {
    const isRequested =
      !('suffix' in requestedRange) && requestedRange.start === start && (requestedRange.end ?? end) >= end
    return isRequested ? { range: { start, end }, sizeBytes } : undefined
  }
  const resolved = resolveRange(requestedRange, sizeBytes)
  return resolved !== 'unsatisfiable' && resolved.start === start && resolved.end >= end
    ? { range: { start, end }, sizeBytes }
    : undefined
}

function lengthOf(answer: HttpResponse): number | undefined {
  const length = header(answer, 'content-length')
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined
}

function bodyOf(decoded: DecodedBody): ReadableStream<Uint8Array> {
  return decoded.complete ? new Blob([decoded.bytes]).stream() : decoded.body
}

function rejectionOf(answer: HttpResponse, range: RangeRequest | undefined): Failure {
  const { statusCode } = answer
  if (statusCode === 404 || statusCode === 410)
    return fail('not-found', `the external server responded ${statusCode}`)
  if (statusCode === 416 && range !== undefined) {
    const total = /^bytes \*\/(\d{1,15})$/.exec(header(answer, 'content-range') ?? '')?.[1]
    return rangeNotSatisfiable(total === undefined ? undefined : Number(total))
  }
  const detail =
    isSuccess(statusCode) && declaresPart(answer)
      ? 'the external server sent another part than requested'
      : undefined
  return fail('external-unreachable', detail ?? `the external server responded ${statusCode}`)
}

/** Passes the body on up to the size limit. Every error is thrown as a `BodyError`. */
function boundedBody(
  body: HttpResponse['body'],
  maxBytes: number,
  timeoutMs: number,
  deadline: AbortSignal,
): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]()
  // A body that is destroyed before it is read emits the abort as an error.
  body.on('error', () => undefined)
  let length = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await chunks.next().catch((error: unknown) => {
          throw new BodyError(
            deadline.aborted ? timeoutFailure(timeoutMs) : failureOf(error, timeoutMs),
            error,
          )
        })
        if (next.done) return controller.close()
        length += next.value.length
        if (length <= maxBytes) return controller.enqueue(next.value)
        body.destroy()
        throw new BodyError(fail('source-too-large', `more than ${maxBytes} bytes`))
      },
      cancel() {
        body.destroy()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Closes the connection of a response that is not read. */
export function discardResponse({ body }: HttpResponse): void {
  // Destroying an unread body emits the abort as an error.
  body.on('error', () => undefined)
  body.destroy()
}

/** Returns the first value of a header. */
export function header({ headers }: HttpResponse, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Returns the value of a header that is a list, whose parts may be sent as several headers. */
function listHeader({ headers }: HttpResponse, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
