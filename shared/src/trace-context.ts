/** W3C Trace Context, level 1: the header that ties the spans of one request together across services. */

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * The caller's trace where it has a valid one, else a new one; whether it is sampled is decided here. A stranger's
 * word for that would let anybody have everything traced.
 */
export function beginTrace(headers: Headers, sampled: boolean): string {
  const given = headers.get('traceparent')
  const ids =
    given !== null && TRACEPARENT.test(given) ? given.slice(0, -2) : `00-${randomHex(32)}-${randomHex(16)}-`
  return ids + (sampled ? '01' : '00')
}

/** The caller's `traceparent` as it is, for callers whose word counts; undefined where there is no valid one. */
export function givenTrace(headers: Headers): string | undefined {
  const given = headers.get('traceparent')
  return given !== null && TRACEPARENT.test(given) ? given : undefined
}

/** The trace id of a `traceparent`; undefined where it is not valid. */
export function traceIdOf(traceparent: string | null): string | undefined {
  return traceparent !== null && TRACEPARENT.test(traceparent) ? traceparent.slice(3, 35) : undefined
}

/** Of a random UUID, whose making is the platform's: digits of it that are fixed leave more than enough. */
function randomHex(digits: 16 | 32): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, digits)
}
