/** What every internal endpoint has in common: the secret, a budget, and answers that no cache keeps. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import { type Answer, type Exchange, refuse } from './exchange.ts'
import { type InternalMediaOptions, serveFrames, serveThumbnail } from './internal-media.ts'
import type { ServeMetadata } from './metadata.ts'
import { servePurge } from './purge.ts'

export type InternalEndpoint = 'metadata' | 'thumbnail' | 'frames' | 'purge'

export interface InternalOptions extends InternalMediaOptions {
  /** Fails with `bad-secret`. */
  readonly judgeSecret: (headers: Headers) => Promise<Failure | undefined>
  readonly pipeline: Pipeline
  readonly serveMetadata: ServeMetadata
}

/** Judges the secret before anything of the body is read, and wrong ones by the budget of wrong signatures. */
export async function serveInternal(
  endpoint: InternalEndpoint,
  exchange: Exchange,
  options: InternalOptions,
): Promise<Answer> {
  const { requestId, spending } = exchange
  const refused = await options.judgeSecret(exchange.headers)
  if (refused !== undefined) return refuse((await spending.spend('bad-signatures')) ?? refused, requestId)
  const limited = await spending.spend('internal')
  if (limited !== undefined) return refuse(limited, requestId)
  const answer = await dispatchInternal(endpoint, exchange, options)
  return isFailure(answer) ? refuse(answer, requestId) : answer
}

/** The endpoint's own work, once it is known that the caller may have it done. */
export function dispatchInternal(
  endpoint: InternalEndpoint,
  exchange: Exchange,
  options: InternalOptions,
): Promise<Answer | Failure> {
  switch (endpoint) {
    case 'thumbnail':
      return serveThumbnail(exchange, options)
    case 'frames':
      return serveFrames(exchange, options)
    case 'purge':
      return servePurge(exchange, options.pipeline)
    case 'metadata':
      return options.serveMetadata(exchange)
  }
}
