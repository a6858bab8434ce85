import type { AssetRequest } from '@media-proxy/shared/request/media-request.ts'
import type { ObjectKey } from '@media-proxy/shared/request/object-key.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import { type Answer, type Exchange, once } from './exchange.ts'
import { serveRendition } from './renditions.ts'

export interface AssetOptions {
  readonly pipeline: Pipeline
  /** Answered where an asset is missing; undefined where nothing is. */
  readonly fallback: ObjectKey | undefined
}

/** Answers an asset, or what stands in for it: one rendition for all that are missing, so that they cost no renders. */
export async function serveAsset(
  { pipeline, fallback }: AssetOptions,
  request: AssetRequest,
  exchange: Exchange,
): Promise<Answer> {
  const answer = await serveRendition(pipeline, request, exchange)
  if (fallback === undefined || answer.failure?.code !== 'not-found') return answer
  // The asset itself may be there the next time.
  return once(await serveRendition(pipeline, { ...request, key: fallback, standsIn: true }, exchange))
}
