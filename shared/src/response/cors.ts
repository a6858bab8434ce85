/** The headers that scripts may send and read (Fetch standard, CORS protocol; contract, section 9). */

/** The response headers that a script may read in addition to the safelisted ones. */
const EXPOSED_HEADERS = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Length',
  'Content-Range',
  'ETag',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'Retry-After',
  'Server-Timing',
  'X-Cache',
  'X-Request-Id',
  'X-Sprite-Interval',
].join(', ')

/** The headers of every response that scripts of any origin may read. */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': EXPOSED_HEADERS,
}

/** The request headers that a script may send after a preflight. */
const PUBLIC_REQUEST_HEADERS = [
  'Accept',
  'Cache-Control',
  'Content-Type',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'If-Range',
  'If-Unmodified-Since',
  'Pragma',
  'Range',
  'X-Request-Id',
  'baggage',
  'sentry-trace',
  'traceparent',
  'tracestate',
]

const INTERNAL_REQUEST_HEADERS = ['Authorization', 'X-Internal-Secret', ...PUBLIC_REQUEST_HEADERS]

/** Returns the response to OPTIONS. `allow` is from `allowedMethods`; only POST endpoints accept a secret. */
export function preflightResponse(allow: string, requestId: string): Response {
  const internal = allow.includes('POST')
  return new Response(null, {
    status: 204,
    headers: {
      allow,
      ...CORS_HEADERS,
      'access-control-allow-methods': allow,
      'access-control-allow-headers': (internal ? INTERNAL_REQUEST_HEADERS : PUBLIC_REQUEST_HEADERS).join(
        ', ',
      ),
      'access-control-max-age': '86400',
      'x-request-id': requestId,
    },
  })
}

/**
 * Restricts a response that allows every origin to a list of origins (`corsOrigins`); `*` in the list allows
 * every origin. The response then varies by `Origin`, even for an origin that is not listed, because a cache
 * must not serve that response to a listed one.
 */
export function restrictOrigins(headers: Headers, origin: string | null, allowed: readonly string[]): void {
  if (allowed.includes('*') || !headers.has('access-control-allow-origin')) return
  if (!/\borigin\b/i.test(headers.get('vary') ?? '')) headers.append('vary', 'Origin')
  if (origin !== null && allowed.includes(origin)) headers.set('access-control-allow-origin', origin)
  else headers.delete('access-control-allow-origin')
}
