import {
  type ByteRange,
  checkConditions,
  contentRange,
  requestedRange,
  resolveRange,
  type Validators,
} from './conditional.ts'
import { type Failure, fail, rangeNotSatisfiable } from './failure.ts'
import { failureResponse, type HeaderRecord } from './headers.ts'

/** The response to a plain GET, without its bytes. */
export interface Representation extends Validators {
  /** Excludes `content-length`, `etag` and `last-modified`, which are set from the other fields. */
  readonly headers: Readonly<HeaderRecord>
  readonly sizeBytes: number
}

export interface FinishedRequest {
  readonly method: string
  readonly headers: Headers
  readonly requestId: string
}

/**
 * Answers a GET or HEAD with a representation of which any range can be opened. The status is 200, 206, 304,
 * 412 or 416, according to RFC 9110. `open` is called at most once, and only when a body is sent. Without a
 * range it opens the whole representation.
 */
export function finish(
  request: FinishedRequest,
  representation: Representation,
  open: (range: ByteRange | undefined) => BodyInit,
): Response {
  const { sizeBytes } = representation
  const headers = representationHeaders(representation, request.requestId)
  const verdict = checkConditions(request.headers, representation)
  if (verdict === 'precondition-failed') return failureResponse(fail(verdict), request.requestId)
  if (verdict === 'not-modified') {
    // A stored response can bring its length, which a 304 must not repeat.
    delete headers['content-length']
    return new Response(null, { status: 304, headers })
  }
  headers['content-length'] = String(sizeBytes)
  if (request.method === 'HEAD') return new Response(null, { headers })
  const requested = requestedRange(request.headers, representation)
  if (requested === undefined) return new Response(open(undefined), { headers })
  const range = resolveRange(requested, sizeBytes)
  if (range === 'unsatisfiable') return unsatisfiable(sizeBytes, request.requestId)
  headers['content-length'] = String(range.end - range.start + 1)
  headers['content-range'] = contentRange(range, sizeBytes)
  return new Response(open(range), { status: 206, headers })
}

/** Returns the headers of a representation with its validators, in a new object. */
export function representationHeaders(
  representation: Omit<Representation, 'sizeBytes'>,
  requestId: string,
): HeaderRecord {
  const { etag, lastModified } = representation
  const headers: HeaderRecord = { ...representation.headers, 'x-request-id': requestId }
  if (etag !== undefined) headers.etag = etag
  if (lastModified !== undefined) headers['last-modified'] = lastModified.toUTCString()
  return headers
}

/** Returns a failure of a ranged request. A 416 states that ranges in bytes are supported. */
export function withRangeUnit(failure: Failure): Failure {
  return failure.code === 'range-not-satisfiable'
    ? { ...failure, headers: { ...failure.headers, 'accept-ranges': 'bytes' } }
    : failure
}

/** Returns a 416 that states the size of the representation. */
export function unsatisfiable(sizeBytes: number, requestId: string): Response {
  const failure = rangeNotSatisfiable(sizeBytes)
  return failureResponse({ ...failure, headers: { ...failure.headers, 'accept-ranges': 'bytes' } }, requestId)
}
