/** What scripts of other origins may send and read (Fetch standard, CORS protocol; contract, section 9). */

import type { HeaderRecord } from './headers.ts'

/** What of an answer a script may read besides the safelisted headers. */
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

/** The headers of every answer that anybody's script may read. */
export const CORS_HEADERS: Readonly<HeaderRecord> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': EXPOSED_HEADERS,
}

/** What a script may send that the browser asks about first. */
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

/** The answer to OPTIONS. `allow` as `allowedMethods` gives it; only what is posted to takes a secret. */
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
 * Keeps an answer that allows every origin to those of a list (`corsOrigins`); `*` in it allows every one. The answer
 * then varies by `Origin`, also where the origin is none of them: a cache must not give it to those that are.
 */
export function restrictOrigins(headers: Headers, origin: string | null, allowed: readonly string[]): void {
  if (allowed.includes('*') || !headers.has('access-control-allow-origin')) return
  if (!/\borigin\b/i.test(headers.get('vary') ?? '')) headers.append('vary', 'Origin')
  if (origin !== null && allowed.includes(origin)) headers.set('access-control-allow-origin', origin)
  else headers.delete('access-control-allow-origin')
}
