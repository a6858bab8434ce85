/**
 * The common part of all internal endpoints: the secret, the rate limit, and responses that are never cached.
 */

import type { OwnUrls } from '@media-proxy/shared/request/own-url.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'
import { type InternalMediaOptions, serveFrames, serveThumbnail } from './internal-media.ts'
import type { ServeMetadata } from './metadata.ts'
import { type PrepareOptions, servePrepare } from './prepare.ts'
import { servePurge } from './purge.ts'
import { type SniffOptions, serveSniff } from './sniff.ts'

export type InternalEndpoint = 'metadata' | 'thumbnail' | 'frames' | 'sniff' | 'prepare' | 'purge'

export interface InternalOptions extends InternalMediaOptions, SniffOptions, PrepareOptions {
  /** Fails with `bad-secret`. */
  readonly checkSecret: (headers: Headers) => Promise<Failure | undefined>
  readonly pipeline: Pipeline
  readonly ownUrls: OwnUrls
  readonly serveMetadata: ServeMetadata
}

/**
 * Checks the secret before the body is read. Wrong secrets count against the rate limit of bad signatures.
 */
export async function serveInternal(
  endpoint: InternalEndpoint,
  exchange: Exchange,
  options: InternalOptions,
): Promise<Answer> {
  const { requestId, requestLimits } = exchange
  const rejected = await options.checkSecret(exchange.headers)
  if (rejected !== undefined)
    return reject((await requestLimits.consume('bad-signatures')) ?? rejected, requestId)
  const limited = await requestLimits.consume('internal')
  if (limited !== undefined) return reject(limited, requestId)
  const answer = await dispatchInternal(endpoint, exchange, options)
  return isFailure(answer) ? reject(answer, requestId) : answer
}

/** Runs the endpoint. The caller has to be authorised already. */
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
    case 'sniff':
      return serveSniff(exchange, options)
    case 'prepare':
      return servePrepare(exchange, options)
    case 'purge':
      return servePurge(exchange, options.pipeline, options.ownUrls)
    case 'metadata':
      return options.serveMetadata(exchange)
  }
}
