/** W3C Trace Context, level 1: the header that ties the spans of one request together across services. */

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The caller's `traceparent` where it is valid, else a new one that is not sampled. */
export function traceparentOf(headers: Headers): string {
  const given = headers.get('traceparent')
  return given !== null && TRACEPARENT.test(given) ? given : `00-${randomHex(16)}-${randomHex(8)}-00`
}

/** The trace id of a valid `traceparent`. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35)
}

function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
