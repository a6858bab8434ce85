import type { RequestLimits } from '@media-proxy/shared/rate-limit.ts'
import type { OnBehalf } from './origin.ts'
import type { Timings } from './timings.ts'

/** One request at the edge. */
export interface EdgeExchange extends OnBehalf {
  readonly request: Request
  /** The URL for the request grammar, without `publicPath`. */
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  /** The rate limits of the client. */
  readonly requestLimits: RequestLimits
  readonly timings: Timings
  readonly waitUntil: (work: Promise<unknown>) => void
}

/** A response, and whether it comes from the cache. */
export interface Delivered {
  readonly response: Response
  readonly cache: 'HIT' | 'MISS' | 'COALESCED' | 'BYPASS'
}
