import type { RequestLimits } from '@media-proxy/shared/rate-limit.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { type Failure, phraseOf } from '@media-proxy/shared/response/failure.ts'
import { expiringCacheControl, failureResponse } from '@media-proxy/shared/response/headers.ts'
import { LIFETIME_HEADER, parseLifetime } from '@media-proxy/shared/response/lifetime.ts'
import type { RenditionOutcome } from '../rendition/pipeline.ts'
import type { Rendition } from '../rendition/rendition.ts'

/** A request and its context, as passed to the routes. */
export interface Exchange {
  readonly method: string
  readonly headers: Headers
  readonly url: URL
  readonly requestId: string
  /** The address of the client, as far as it can be trusted. */
  readonly clientAddress: string
  /** The address of the other end of the socket. */
  readonly peer: string
  /** Whether the edge worker signed the request. */
  readonly viaEdge: boolean
  /**
   * Whether an edge sent the request, with or without a signature. It then gets the headers that only an edge
   * reads, and removes them for its clients. Any client can claim it, so it grants nothing else.
   */
  readonly forEdge: boolean
  /** The rate limits of the client. */
  readonly requestLimits: RequestLimits
  /**
   * The request body. It is created on demand, like `signal`,
   * so read the property only when the body is needed.
   */
  readonly body: ReadableStream<Uint8Array> | null
  /**
   * Fires when the client disconnects. It is created on demand, so read the property only when there is
   * something to cancel.
   */
  readonly signal: AbortSignal
}

/** A response, with the details that are logged about it. */
export interface Answer {
  readonly response: Response
  readonly outcome?: RenditionOutcome | 'not-modified' | 'streamed'
  readonly failure?: Failure
  /**
   * The length of the body, when it is known without reading the headers. Reading them would make the server
   * create a `Headers` object.
   */
  readonly bodyBytes?: number
  /**
   * Set when the response is a complete, fresh rendition from memory, so that an identical request would get
   * the same response.
   */
  readonly repeatable?: { readonly url: CanonicalUrl; readonly rendition: Rendition }
}

/**
 * Limits the cache lifetime of a response to the expiry of its signed URL. `expiresAt` is in Unix seconds,
 * `nowMs` in milliseconds.
 */
export function limitLifetime(answer: Answer, expiresAt: number | undefined, nowMs: number): Answer {
  // Most URLs have no expiry, and reading the headers of a
  // response from memory would make the server create them.
  if (expiresAt === undefined) return answer
  const { status, headers } = answer.response
  if (status < 300 || status === 304) {
    const endsAt = Math.min(expiresAt, nowMs / 1000 + lifetimeSecondsOf(headers))
    headers.set('cache-control', expiringCacheControl(endsAt, nowMs / 1000))
  }
  return once(answer)
}

/**
 * Returns the lifetime to which the response is already limited, in seconds. Infinity when there is no limit.
 */
function lifetimeSecondsOf(headers: Headers): number {
  const limited = /^public, max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1]
  return limited === undefined
    ? (parseLifetime(headers.get(LIFETIME_HEADER))?.seconds ?? Number.POSITIVE_INFINITY)
    : Number(limited)
}

/** Marks a response as not repeatable: an identical request may get another one. */
export function once({ repeatable, ...answer }: Answer): Answer {
  return answer
}

/** Returns the response for a failure. */
export function reject(failure: Failure, requestId: string): Answer {
  return { response: failureResponse(failure, requestId), failure, bodyBytes: phraseOf(failure).length }
}
