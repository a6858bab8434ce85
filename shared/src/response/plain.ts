/** Answers about the service itself: short, never kept by a cache. */

import { CORS_HEADERS } from './cors.ts'

export interface PlainRequest {
  readonly method: string
  readonly requestId: string
}

/** A short text. */
export function textResponse(text: string, status: number, request: PlainRequest): Response {
  return plainResponse(text, status, 'text/plain; charset=utf-8', request)
}

/** A value as JSON. */
export function jsonResponse(value: unknown, request: PlainRequest, status = 200): Response {
  return plainResponse(JSON.stringify(value), status, 'application/json', request)
}

/** Leads on to a path of the same host. */
export function redirectResponse(location: string, { requestId }: PlainRequest): Response {
  const headers = { location, 'cache-control': 'no-store', 'x-request-id': requestId }
  return new Response(null, { status: 302, headers })
}

function plainResponse(
  body: string,
  status: number,
  contentType: string,
  { method, requestId }: PlainRequest,
): Response {
  const bytes = new TextEncoder().encode(body)
  const headers = {
    'content-type': contentType,
    'content-length': String(bytes.length),
    'cache-control': 'no-store',
    ...CORS_HEADERS,
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
  }
  return new Response(method === 'HEAD' ? null : bytes, { status, headers })
}
