import type { RequestLimits } from '@media-proxy/shared/rate-limit.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { type Failure, phraseOf } from '@media-proxy/shared/response/failure.ts'
import { expiringCacheControl, failureResponse } from '@media-proxy/shared/response/headers.ts'
import { LIFE_HEADER, readLife } from '@media-proxy/shared/response/life.ts'
import type { RenditionOutcome } from '../rendition/pipeline.ts'
import type { Rendition } from '../rendition/rendition.ts'

/** One request on its way through the routes. */
export interface Exchange {
  readonly method: string
  readonly headers: Headers
  readonly url: URL
  readonly requestId: string
  /** Who asks, as far as it can be believed. */
  readonly clientAddress: string
  /** The socket's other end. */
  readonly peer: string
  /** Signed by the edge worker. */
  readonly viaEdge: boolean
  /** The budgets of the client. */
  readonly requestLimits: RequestLimits
  /** Read it only where it is wanted, as `signal`: it is made on demand. */
  readonly body: ReadableStream<Uint8Array> | null
  /** Fires when the client leaves. Read it only where there is something to cancel: it is made on demand. */
  readonly signal: AbortSignal
}

/** What goes to the client, and what the log is told of it. */
export interface Answer {
  readonly response: Response
  readonly outcome?: RenditionOutcome | 'not-modified' | 'streamed'
  readonly failure?: Failure
  /** Length of the body, where it is known without the headers, which the server would have to make for it. */
  readonly bodyBytes?: number
  /** Set where it is the whole of a fresh rendition in memory, and the same request would get it again. */
  readonly repeatable?: { readonly url: CanonicalUrl; readonly rendition: Rendition }
}

/** An answer under a signed expiry is not kept for longer than its URL is good. Times: unix seconds, and milliseconds. */
export function limitLife(answer: Answer, expiresAt: number | undefined, nowMs: number): Answer {
  // Most URLs have none, and reading the headers of an answer from memory would have the server make them.
  if (expiresAt === undefined) return answer
  const { status, headers } = answer.response
  if (status < 300 || status === 304) {
    const endsAt = Math.min(expiresAt, nowMs / 1000 + lifeSecondsOf(headers))
    headers.set('cache-control', expiringCacheControl(endsAt, nowMs / 1000))
  }
  return once(answer)
}

/** What bounds the life of an answer already, in seconds. */
function lifeSecondsOf(headers: Headers): number {
  const limited = /^public, max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1]
  return limited === undefined
    ? (readLife(headers.get(LIFE_HEADER))?.seconds ?? Number.POSITIVE_INFINITY)
    : Number(limited)
}

/** An answer that the same request may not get again. */
export function once({ repeatable, ...answer }: Answer): Answer {
  return answer
}

/** The answer to a failure. */
export function reject(failure: Failure, requestId: string): Answer {
  return { response: failureResponse(failure, requestId), failure, bodyBytes: phraseOf(failure).length }
}
