/** From an answer of a store to an object, believing no more of it than fits together. */

import { type ByteRange, parseHttpDate, type RangeRequest, resolveRange } from '../../response/conditional.ts'
import { type Failure, fail, isFailure } from '../../response/failure.ts'
import type { EncodedInfo, EncodedObject } from '../coding/decoded-objects.ts'

/**
 * An answer of the 2xx to a request for an object, or for a part of it. Fails with `range-not-satisfiable`, or with
 * `store-misconfigured` where the answer contradicts itself; its body is then still to be cancelled.
 */
export function readAnswer(response: Response, wanted: RangeRequest | undefined): EncodedObject | Failure {
  const body = response.body ?? new Blob([]).stream()
  const info = infoOf(response.headers)
  if (response.status === 200) {
    // Some stores answer the whole object to a range behind its end.
    return wanted !== undefined && isBehind(wanted, info.sizeBytes)
      ? beyondTheEnd(info.sizeBytes)
      : { info, body }
  }
  if (response.status !== 206 || wanted === undefined) {
    return fail('store-misconfigured', `S3 answered ${response.status} to a request for an object`)
  }
  const part = readPart(response.headers)
  if (isFailure(part)) return part
  const { sizeBytes: _, ...rest } = info
  const whole = part.sizeBytes === undefined ? rest : { ...rest, sizeBytes: part.sizeBytes }
  if (isBehind(wanted, part.sizeBytes)) return beyondTheEnd(part.sizeBytes)
  const range = rangeWithin(wanted, part)
  if (range === undefined) return fail('store-misconfigured', 'S3 answered another part than was asked for')
  return { info: whole, range, body: cut(body, part, range) }
}

interface Part extends ByteRange {
  /** Of the whole. */
  readonly sizeBytes: number | undefined
}

function readPart(headers: Headers): Part | Failure {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers.get('content-range') ?? '')
  if (match === null) return fail('store-misconfigured', 'S3 answered a part without saying which')
  const [, first, last, total] = match
  const [start, end] = [Number(first), Number(last)]
  const length = headers.get('content-length')
  if (end < start || (length !== null && Number(length) !== end - start + 1)) {
    return fail('store-misconfigured', 'S3 answered a part of another length than it says')
  }
  return { start, end, sizeBytes: total === '*' ? undefined : Number(total) }
}

function isBehind(wanted: RangeRequest, sizeBytes: number | undefined): boolean {
  return sizeBytes !== undefined && resolveRange(wanted, sizeBytes) === 'unsatisfiable'
}

/** What was asked for, where it lies within what was answered: some stores give a byte or more too many. */
function rangeWithin(wanted: RangeRequest, part: Part): ByteRange | undefined {
  const { start, end, sizeBytes } = part
  if (sizeBytes === undefined) {
    const asAsked = !('suffix' in wanted) && wanted.start === start && (wanted.end ?? end) >= end
    return asAsked ? { start, end } : undefined
  }
  const range = resolveRange(wanted, sizeBytes)
  return range !== 'unsatisfiable' && range.start >= start && range.end <= end ? range : undefined
}

/**
 * The last bytes of an object as a range that has a beginning, which every store understands; undefined for other
 * ranges, and where the store did not even tell the size.
 */
export function resolveSuffix(
  { headers }: Response,
  wanted: RangeRequest | undefined,
): ByteRange | undefined {
  const part = readPart(headers)
  if (wanted === undefined || !('suffix' in wanted) || isFailure(part) || part.sizeBytes === undefined) {
    return undefined
  }
  const range = resolveRange(wanted, part.sizeBytes)
  return range === 'unsatisfiable' ? undefined : range
}

/** The bytes of a range out of a body that begins at `part.start`; what lies behind them is not read. */
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
          const wanted = value.subarray(Math.max(0, range.start - at), Math.max(0, range.end + 1 - at))
          at += value.length
          if (wanted.length > 0) controller.enqueue(wanted)
          if (at > range.end) {
            controller.close()
            return reader.cancel()
          }
          if (wanted.length > 0) return
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** What a store tells of an object; what it does not tell is not made up. */
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

/** Some stores forget the quotes, and proxies before them make it a weak one, whose bytes are the same all the same. */
function etagOf(header: string | null): string | undefined {
  const opaque = /^(?:W\/)?"?([\x21\x23-\x7e]{1,200})"?$/.exec(header?.trim() ?? '')?.[1]
  return opaque === undefined ? undefined : `"${opaque}"`
}

/** 416 with the object's size, which not every store tells with its refusal. */
export function beyondTheEnd(sizeBytes: number | undefined): Failure {
  return fail(
    'range-not-satisfiable',
    undefined,
    sizeBytes === undefined ? {} : { 'content-range': `bytes */${sizeBytes}` },
  )
}
