import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { EDGE_REFUSED_HEADER, signEdgeRequest } from '@media-proxy/shared/signing/edge-request.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'

/** Whom a request to the origin is made for, and by what it is followed through the logs. */
export interface OnBehalf {
  readonly clientAddress: string
  readonly requestId: string
  readonly traceparent: string
}

export interface OriginRequest {
  readonly method: string
  /** Raw path and query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodyInit | null
}

/** Sends a signed request to the origin. Fails with `origin-unreachable`. */
export type FetchOrigin = (request: OriginRequest, onBehalf: OnBehalf) => Promise<Response | Failure>

export interface OriginOptions {
  /** Undefined in static mode, where the bucket is all there is. */
  readonly originUrl: string | undefined
  /** Undefined where no `edgeSecretKey` is set: requests are then plain ones. */
  readonly ring: KeyRing | undefined
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** When to try again where the origin cannot be reached, in seconds. */
const RETRY_AFTER_SECONDS = '5'

export function createOriginFetch({ originUrl, ring, fetch, now }: OriginOptions): FetchOrigin {
  if (originUrl === undefined) return async () => fail('origin-unreachable', 'no origin is configured')
  const base = new URL(originUrl)
  const basePath = base.pathname.replace(/\/$/, '')
  return async ({ method, path, headers, body }, { clientAddress, requestId, traceparent }) => {
    const target = targetOf(base, basePath + path)
    // What is signed is what the origin reads: the path as the URL parser serializes it.
    const signed = target.pathname.slice(basePath.length) + target.search
    const signature =
      ring === undefined ? {} : await signEdgeRequest(ring, { method, path: signed, clientAddress }, now())
    try {
      const response = await fetch(target.href, {
        method,
        headers: { ...headers, ...signature, ...PLAIN, 'x-request-id': requestId, traceparent },
        // Followed redirects would carry the headers, secrets too, to wherever they lead.
        redirect: 'manual',
        // The platform keeps by itself what a fetch answers (by its extension, for the year that browsers are told), and there
        // no purge and no confirmation would reach it.
        cache: 'no-store',
        ...(body == null ? {} : { body }),
      })
      const refusal = response.headers.get(EDGE_REFUSED_HEADER)
      if (refusal !== null) {
        await response.body?.cancel()
        return unreachable(`it refuses this edge: ${refusal} signature; do the secrets and the clocks agree?`)
      }
      if (isOrigins(response)) return decoded(response)
      await response.body?.cancel()
      return unreachable(`something before it answers ${response.status}`)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return unreachable(reason)
    }
  }
}

/**
 * What stands before the origin may answer by itself: the platform with 522, a login page with a redirect. Its refusals pass,
 * and nothing is believed of them (`isUntold` in `delivery.ts`).
 */
function isOrigins(response: Response): boolean {
  const { status } = response
  return namesRequest(response) || status === 304 || status < 300 || (status >= 400 && status < 500)
}

/** As the origin does in every answer, and an ingress without a backend or a filter does not. */
export function namesRequest({ headers }: Response): boolean {
  return headers.has('x-request-id')
}

/** Parts of what is encoded are no parts of the media. */
const PLAIN = { 'accept-encoding': 'identity' } as const

/**
 * What was encoded on the way all the same, the runtime decodes where the coding is not told any more; the length that was
 * told is another then.
 */
function decoded(response: Response): Response {
  const coding = response.headers.get('content-encoding')
  if (response.status === 206 || (coding !== 'gzip' && coding !== 'br')) return response
  const copy = new Response(response.body, response)
  for (const name of ['content-encoding', 'content-length']) copy.headers.delete(name)
  return copy
}

/** Built from parts: parsed as a whole, a path such as `//host/x` would name another host, which then got the secrets. */
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
