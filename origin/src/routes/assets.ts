import type { AssetRequest } from '@media-proxy/shared/request/media-request.ts'
import type { ObjectKey } from '@media-proxy/shared/request/object-key.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import { type Answer, type Exchange, once } from './exchange.ts'
import { serveRendition } from './renditions.ts'

export interface AssetOptions {
  readonly pipeline: Pipeline
  /** The key of the object that is served when an asset is missing. Undefined when none is configured. */
  readonly fallback: ObjectKey | undefined
}

/**
 * Serves an asset, or its fallback. All missing assets share
 * one rendition of the fallback, so that they cost no renders.
 */
export async function serveAsset(
  { pipeline, fallback }: AssetOptions,
  request: AssetRequest,
  exchange: Exchange,
): Promise<Answer> {
  const answer = await serveRendition(pipeline, request, exchange)
  if (fallback === undefined || answer.failure?.code !== 'not-found') return answer
  // The asset itself may exist on the next request.
  return once(await serveRendition(pipeline, { ...request, key: fallback, isFallback: true }, exchange))
}
