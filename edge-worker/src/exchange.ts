import type { OnBehalf } from './origin.ts'
import type { Timings } from './timings.ts'

/** One request at the edge. */
export interface EdgeExchange extends OnBehalf {
  readonly request: Request
  /** As the grammar reads it: without `publicPath`. */
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly timings: Timings
  readonly waitUntil: (work: Promise<unknown>) => void
}

/** What is answered, and how it was come by. */
export interface Delivered {
  readonly response: Response
  readonly cache: 'HIT' | 'MISS' | 'COALESCED' | 'BYPASS'
}
