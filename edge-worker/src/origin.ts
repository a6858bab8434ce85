import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import {
  EDGE_REJECTED_HEADER,
  FOR_EDGE_HEADER,
  signEdgeRequest,
} from '@media-proxy/shared/signing/edge-request.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'

/** The client of a request to the origin, and the ids that identify the request in the logs. */
export interface OnBehalf {
  readonly clientAddress: string
  readonly requestId: string
  readonly traceparent: string
}

export interface OriginRequest {
  readonly method: string
  /** The raw path and query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodyInit | null
  /** A shorter timeout for the header of the response than the default, in milliseconds. */
  readonly timeoutMs?: number
}

/** Sends a signed request to the origin. Fails with `origin-unreachable`. */
export type FetchOrigin = (request: OriginRequest, onBehalf: OnBehalf) => Promise<Response | Failure>

export interface OriginFetchOptions {
  /** Undefined in static mode, where the worker needs only the bucket. */
  readonly originUrl: string | undefined
  /** Undefined when no `edgeSecretKey` is set. Requests are then not signed. */
  readonly ring: KeyRing | undefined
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /**
   * The timeout for the header of a response to GET and HEAD, in milliseconds. Other requests have none,
   * because their bodies may take any time.
   */
  readonly timeoutMs: number
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
}

/** The `Retry-After` when the origin is unreachable, in seconds. */
const RETRY_AFTER_SECONDS = '5'

/** Creates the function that sends requests to the origin. Without an origin, every request fails. */
export function createOriginFetch({
  originUrl,
  ring,
  fetch,
  timeoutMs,
  now,
}: OriginFetchOptions): FetchOrigin {
  if (originUrl === undefined) return async () => fail('origin-unreachable', 'no origin is configured')
  const base = new URL(originUrl)
  const basePath = base.pathname.replace(/\/$/, '')
  return async (request, { clientAddress, requestId, traceparent }) => {
    const { method, path, headers, body } = request
    const target = targetOf(base, basePath + path)
    // The signed path must equal the path that the origin receives, so it is taken from the URL parser.
    const signed = target.pathname.slice(basePath.length) + target.search
    const signature =
      ring === undefined ? {} : await signEdgeRequest(ring, { method, path: signed, clientAddress }, now())
    const hasTimeout = method === 'GET' || method === 'HEAD'
    const timeout = startTimeout(hasTimeout ? (request.timeoutMs ?? timeoutMs) : undefined)
    try {
      const response = await fetch(target.href, {
        method,
        headers: {
          ...headers,
          ...signature,
          ...PLAIN,
          [FOR_EDGE_HEADER]: '1',
          'x-request-id': requestId,
          traceparent,
        },
        // Following a redirect would send the headers, including secrets, to its target.
        redirect: 'manual',
        // The platform otherwise caches responses of `fetch` by itself (by file extension, for the year that
        // browsers may cache them), where neither a purge nor a revalidation reaches them.
        cache: 'no-store',
        signal: timeout.signal,
        ...(body == null ? {} : { body }),
      }).finally(timeout.clear)
      const rejection = response.headers.get(EDGE_REJECTED_HEADER)
      if (rejection !== null) {
        await discardBody(response.body)
        return unreachable(
          `it rejected the signature of this edge: ${rejection}; do the secrets and the clocks agree?`,
        )
      }
      if (isPassedOnToClient(response)) return decoded(response)
      await discardBody(response.body)
      return unreachable(`a proxy in front of it answered ${response.status}`)
    } catch (error) {
      if (timeout.signal.aborted) return unreachable('it does not answer in time')
      const reason = error instanceof Error ? error.message : String(error)
      return unreachable(reason)
    }
  }
}

/** Starts a timeout that does not apply any more once it is cleared. */
function startTimeout(milliseconds: number | undefined): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  const timer = milliseconds === undefined ? null : setTimeout(() => controller.abort(), milliseconds)
  return { signal: controller.signal, clear: () => clearTimeout(timer) }
}

/**
 * Whether a response is passed on. A proxy in front of the origin may respond instead of it: the platform
 * with 522, a login page with a redirect. Its 2xx and 4xx responses are passed on, but they are not cached,
 * and nothing is concluded from them (`saysNothingOfObject` in `leader.ts`).
 */
function isPassedOnToClient(response: Response): boolean {
  const { status } = response
  return hasRequestId(response) || status === 304 || status < 300 || (status >= 400 && status < 500)
}

/** Whether a response has a request id. Every response of the origin has one, those of an ingress do not. */
export function hasRequestId({ headers }: Response): boolean {
  return headers.has('x-request-id')
}

/** A part of an encoded response would not be a part of the media. */
const PLAIN = { 'accept-encoding': 'identity' } as const

/**
 * Removes `Content-Encoding` and `Content-Length` from a response that was encoded on the way nevertheless.
 * Without the encoding header the runtime decodes the body, and the decoded body has another length.
 */
function decoded(response: Response): Response {
  const coding = response.headers.get('content-encoding')
  if (response.status === 206 || (coding !== 'gzip' && coding !== 'br')) return response
  const copy = new Response(response.body, response)
  for (const name of ['content-encoding', 'content-length']) copy.headers.delete(name)
  return copy
}

/**
 * Builds the URL from its parts. As one text, a path such as `//host/x` would name another host and leak the
 * secrets to it.
 */
function targetOf(base: URL, rawPath: string): URL {
  const target = new URL(base)
  const query = rawPath.indexOf('?')
  target.pathname = query === -1 ? rawPath : rawPath.slice(0, query)
  target.search = query === -1 ? '' : rawPath.slice(query)
  return target
}

function unreachable(reason: string): Failure {
  return fail('origin-unreachable', reason, { 'retry-after': RETRY_AFTER_SECONDS })
}
