/** W3C Trace Context, level 1: the header that connects the spans of one request across services. */

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * Returns the caller's trace if it is valid, or a new one. `sampled` decides whether it is sampled; the
 * caller's own flag would let anyone have every request traced.
 */
export function beginTrace(headers: Headers, sampled: boolean): string {
  const given = headers.get('traceparent')
  const ids =
    given !== null && TRACEPARENT.test(given) ? given.slice(0, -2) : `00-${randomHex(32)}-${randomHex(16)}-`
  return ids + (sampled ? '01' : '00')
}

/** Returns the unchanged `traceparent` of a trusted caller. Undefined when it is missing or invalid. */
export function givenTrace(headers: Headers): string | undefined {
  const given = headers.get('traceparent')
  return given !== null && TRACEPARENT.test(given) ? given : undefined
}

/** Returns the trace id of a `traceparent`. Undefined when it is invalid. */
export function traceIdOf(traceparent: string | null): string | undefined {
  return traceparent !== null && TRACEPARENT.test(traceparent) ? traceparent.slice(3, 35) : undefined
}

/** Returns random digits from a UUID of the platform. Some are fixed, but the others are random enough. */
function randomHex(digits: 16 | 32): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, digits)
}
