/** Conditional requests and ranges (RFC 9110, sections 13 and 14), evaluated from headers only. */

import { encodeHex } from '../encoding/hex.ts'

/** The validators of a representation. */
export interface Validators {
  /** Quoted and strong. */
  readonly etag?: string | undefined
  readonly lastModified?: Date | undefined
}

/** The part of a representation that is sent, in bytes. `end` is inclusive, as in `Content-Range`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** A requested range, before the size is known: `end` is inclusive, `suffix` means the last bytes. */
export type RangeRequest = { readonly start: number; readonly end?: number } | { readonly suffix: number }

/** Headers that make a request conditional. */
export const CONDITIONAL_HEADERS = [
  'if-match',
  'if-unmodified-since',
  'if-none-match',
  'if-modified-since',
] as const

/** Evaluates conditions to a 412 or a 304. Undefined when the response is the same as without them. */
export function checkConditions(
  headers: Headers,
  validators: Validators,
): 'precondition-failed' | 'not-modified' | undefined {
  if (failsPrecondition(headers, validators)) return 'precondition-failed'
  return isNotModified(headers, validators) ? 'not-modified' : undefined
}

/** Whether `If-Match`, or else `If-Unmodified-Since`, fails (RFC 9110, section 13.2.2). Compares strongly. */
function failsPrecondition(headers: Headers, { etag, lastModified }: Validators): boolean {
  const ifMatch = headers.get('if-match')
  if (ifMatch !== null) {
    if (ifMatch.trim() === '*') return false
    return etag === undefined || !etagsOf(ifMatch).includes(etag)
  }
  const since = parseConditionDate(headers.get('if-unmodified-since'))
  return since !== undefined && lastModified !== undefined && wholeSeconds(lastModified) > wholeSeconds(since)
}

/** Whether `If-None-Match`, or without it `If-Modified-Since`, allows a 304. */
function isNotModified(headers: Headers, { etag, lastModified }: Validators): boolean {
  const ifNoneMatch = headers.get('if-none-match')
  if (ifNoneMatch !== null) return etag !== undefined && listsEtag(ifNoneMatch, etag)
  const since = parseConditionDate(headers.get('if-modified-since'))
  // HTTP dates have whole seconds, so the fraction of a second is ignored. A copy would otherwise look
  // outdated.
  return (
    since !== undefined && lastModified !== undefined && wholeSeconds(lastModified) <= wholeSeconds(since)
  )
}

/** Whether the client has exactly the response with this ETag, which `*` and a date do not identify. */
export function namesEtag(headers: Headers, etag: string): boolean {
  const header = headers.get('if-none-match')
  return header !== null && header.trim() !== '*' && listsEtag(header, etag)
}

/** Whether a header lists an ETag. The comparison is weak, as section 13.1.2 requires. */
function listsEtag(header: string, etag: string): boolean {
  if (header.trim() === '*') return true
  return etagsOf(header).some((candidate) => candidate.replace(/^W\//, '') === etag)
}

/** Returns the ETags of a list. An ETag may contain commas (RFC 9110, section 8.8.3). */
function etagsOf(header: string): readonly string[] {
  return header.match(/(?:W\/)?"[^"]*"/g) ?? []
}

/**
 * Returns the requested range after checking `If-Range`. Undefined when the whole representation is to be
 * sent: for no range, another unit, several ranges, a malformed range, or an `If-Range` that no longer
 * matches.
 */
export function requestedRange(headers: Headers, validators?: Validators): RangeRequest | undefined {
  const header = headers.get('range')
  if (header === null) return undefined
  const ifRange = headers.get('if-range')
  if (ifRange !== null && !(validators !== undefined && holds(ifRange, validators))) return undefined
  return parseRange(header)
}

/** Whether `If-Range` matches strongly: the ETags or the dates are equal. */
function holds(ifRange: string, { etag, lastModified }: Validators): boolean {
  if (ifRange.includes('"')) return etag !== undefined && ifRange.trim() === etag && !etag.startsWith('W/')
  const date = parseConditionDate(ifRange)
  return date !== undefined && lastModified !== undefined && wholeSeconds(lastModified) === wholeSeconds(date)
}

function parseRange(header: string): RangeRequest | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header)
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '') return last === '' ? undefined : { suffix: position(last) }
  if (last === '') return { start: position(first) }
  return position(last) < position(first) ? undefined : { start: position(first), end: position(last) }
}

/** Some players request everything by the largest integer of 64 bits, which exceeds the exact numbers. */
function position(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
}

/** Resolves a range against a size in bytes. Its end is clamped to the size. */
export function resolveRange(range: RangeRequest, size: number): ByteRange | 'unsatisfiable' {
  if ('suffix' in range) {
    return range.suffix === 0 || size === 0
      ? 'unsatisfiable'
      : { start: Math.max(0, size - range.suffix), end: size - 1 }
  }
  return range.start >= size
    ? 'unsatisfiable'
    : { start: range.start, end: Math.min(range.end ?? Number.POSITIVE_INFINITY, size - 1) }
}

/** Serializes a range for the `Range` header. */
export function formatRange(range: RangeRequest): string {
  return 'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ''}`
}

/**
 * Returns the value of `Content-Range`. `size` is that of the whole representation; undefined means unknown.
 */
export function contentRange({ start, end }: ByteRange, size: number | undefined): string {
  return `bytes ${start}-${end}/${size ?? '*'}`
}

/** Computes a strong ETag of 128 bits: a truncated SHA-256 of the parts. */
export async function strongEtag(...parts: readonly string[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(parts.join('\n')))
  return `"${encodeHex(new Uint8Array(digest, 0, 16))}"`
}

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
const TIME = '\\d{2}:\\d{2}:\\d{2}'
/** The three date formats of RFC 9110, section 5.6.7. */
const HTTP_DATE = new RegExp(
  `^(?:${DAY}, \\d{2} ${MONTH} \\d{4} ${TIME} GMT|${DAY}[a-z]{3,6}, \\d{2}-${MONTH}-\\d{2} ${TIME} GMT)$`,
)
const ASCTIME = new RegExp(`^${DAY} ${MONTH} [ \\d]\\d ${TIME} \\d{4}$`)

/**
 * Parses the date of a condition. Undefined for any other format, which RFC 9110 requires to ignore, even
 * where a lenient parser could read it.
 */
function parseConditionDate(value: string | null): Date | undefined {
  if (value === null) return undefined
  if (HTTP_DATE.test(value)) return parseHttpDate(value)
  return ASCTIME.test(value) ? parseHttpDate(`${value} GMT`) : undefined
}

/**
 * Parses a date in a server's response leniently, because not all servers use the standard format. Undefined
 * when it is no date. `Date` takes even `0` and `-1` for dates, which some servers send.
 */
export function parseHttpDate(value: string | null | undefined): Date | undefined {
  if (!value || !/[A-Z][a-z]{2}|^\d{4}-\d/.test(value)) return undefined
  const date = new Date(value)
  return Number.isNaN(date.getTime()) ? undefined : date
}

function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}
