/** Short responses of the service itself. They are not cacheable. */

import { CORS_HEADERS } from './cors.ts'

export interface PlainRequest {
  readonly method: string
  readonly requestId: string
}

/** Returns a plain-text response. */
export function textResponse(text: string, status: number, request: PlainRequest): Response {
  return plainResponse(text, status, 'text/plain; charset=utf-8', request)
}

/** Returns a value as a JSON response. */
export function jsonResponse(value: unknown, request: PlainRequest, status = 200): Response {
  return plainResponse(JSON.stringify(value), status, 'application/json', request)
}

/** Returns a redirect to a path of the same host. */
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
