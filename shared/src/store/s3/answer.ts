/** Reads objects from the responses of a store, and rejects responses that contradict themselves. */

import { type ByteRange, parseHttpDate, type RangeRequest, resolveRange } from '../../response/conditional.ts'
import { type Failure, fail, isFailure, rangeNotSatisfiable } from '../../response/failure.ts'
import type { EncodedInfo, EncodedObject } from '../coding/decoded-objects.ts'

/**
 * Reads a 2xx response to a request for an object or a part of it. Fails with `range-not-satisfiable`, or
 * with `store-misconfigured` when the response contradicts itself. The caller must then cancel the body.
 */
export function readAnswer(response: Response, requested: RangeRequest | undefined): EncodedObject | Failure {
  const body = response.body ?? new Blob([]).stream()
  const info = infoOf(response.headers)
  if (response.status === 200) {
    // Some stores return the whole object for a range beyond its end.
    return requested !== undefined && isUnsatisfiable(requested, info.sizeBytes)
      ? rangeNotSatisfiable(info.sizeBytes)
      : { info, body }
  }
  if (response.status !== 206 || requested === undefined) {
    return fail('store-misconfigured', `S3 answered ${response.status} to a request for an object`)
  }
  const part = readPart(response.headers)
  if (isFailure(part)) return part
  const { sizeBytes: _, ...rest } = info
  const whole = part.sizeBytes === undefined ? rest : { ...rest, sizeBytes: part.sizeBytes }
  if (isUnsatisfiable(requested, part.sizeBytes)) return rangeNotSatisfiable(part.sizeBytes)
  const range = rangeWithin(requested, part)
  if (range === undefined) return fail('store-misconfigured', 'S3 sent another range than was requested')
  return { info: whole, range, body: cut(body, part, range) }
}

interface Part extends ByteRange {
  /** The size of the whole object. */
  readonly sizeBytes: number | undefined
}

function readPart(headers: Headers): Part | Failure {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers.get('content-range') ?? '')
  if (match === null) return fail('store-misconfigured', 'S3 sent a range without Content-Range')
  const [, first, last, total] = match
  const [start, end] = [Number(first), Number(last)]
  const length = headers.get('content-length')
  if (end < start || (length !== null && Number(length) !== end - start + 1)) {
    return fail('store-misconfigured', 'S3 sent a range whose length differs from its Content-Range')
  }
  return { start, end, sizeBytes: total === '*' ? undefined : Number(total) }
}

function isUnsatisfiable(requested: RangeRequest, sizeBytes: number | undefined): boolean {
  return sizeBytes !== undefined && resolveRange(requested, sizeBytes) === 'unsatisfiable'
}

/** Returns the requested range if the returned part contains it. Some stores return too many bytes. */
function rangeWithin(requested: RangeRequest, part: Part): ByteRange | undefined {
  const { start, end, sizeBytes } = part
  if (sizeBytes === undefined) {
    const isRequested = !('suffix' in requested) && requested.start === start && (requested.end ?? end) >= end
    return isRequested ? { start, end } : undefined
  }
  const range = resolveRange(requested, sizeBytes)
  return range !== 'unsatisfiable' && range.start >= start && range.end <= end ? range : undefined
}

/** Returns the size of the object that a partial response states. */
export function sizeInPart({ headers }: Response): number | undefined {
  const part = readPart(headers)
  return isFailure(part) ? undefined : part.sizeBytes
}

/** Converts a suffix range to one with a start. Undefined for other ranges, and when it selects no byte. */
export function resolveSuffix(requested: RangeRequest | undefined, sizeBytes: number): ByteRange | undefined {
  if (requested === undefined || !('suffix' in requested)) return undefined
  const range = resolveRange(requested, sizeBytes)
  return range === 'unsatisfiable' ? undefined : range
}

/**
 * Returns the bytes of a range from a body that starts at `part.start`. Bytes after the range are not read.
 */
function cut(
  body: ReadableStream<Uint8Array>,
  part: ByteRange,
  range: ByteRange,
): ReadableStream<Uint8Array> {
  if (part.start === range.start && part.end === range.end) return body
  const reader = body.getReader()
  let at = part.start
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { value } = await reader.read()
          if (value === undefined) return controller.close()
          const inRange = value.subarray(Math.max(0, range.start - at), Math.max(0, range.end + 1 - at))
          at += value.length
          if (inRange.length > 0) controller.enqueue(inRange)
          if (at > range.end) {
            controller.close()
            return reader.cancel()
          }
          if (inRange.length > 0) return
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** Reads the metadata of an object from response headers. Missing or invalid values are left out. */
export function infoOf(headers: Headers): EncodedInfo {
  const etag = etagOf(headers.get('etag'))
  const length = headers.get('content-length')
  const lastModified = parseHttpDate(headers.get('last-modified'))
  const contentType = headers.get('content-type')
  const cacheControl = headers.get('cache-control')
  const contentEncoding = headers.get('content-encoding')
  return {
    ...(length === null || !/^\d{1,15}$/.test(length) ? {} : { sizeBytes: Number(length) }),
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(contentType === null ? {} : { contentType }),
    ...(cacheControl === null ? {} : { cacheControl }),
    ...(contentEncoding === null ? {} : { contentEncoding }),
  }
}

/**
 * Returns a strong, quoted ETag. Some stores omit the quotes, and proxies in front of them make the ETag weak
 * although the bytes are the same.
 */
function etagOf(header: string | null): string | undefined {
  const opaque = /^(?:W\/)?"?([\x21\x23-\x7e]{1,200})"?$/.exec(header?.trim() ?? '')?.[1]
  return opaque === undefined ? undefined : `"${opaque}"`
}
