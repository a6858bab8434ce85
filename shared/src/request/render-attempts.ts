import { isClipFormat } from '../formats.ts'
import type { SourceRequest } from './media-request.ts'

/**
 * The assumed duration of a clip without a `duration`, in seconds: a short video, longer than most
 * animations.
 */
const UNTOLD_SECONDS = 10

/**
 * Returns the cost of a request in the rate limit of renders: one attempt, or one per second of a clip's
 * `duration`.
 */
export function renderAttempts(request: SourceRequest): number {
  const transformation = 'transformation' in request ? request.transformation : undefined
  if (transformation === undefined || !isClipFormat(transformation.format)) return 1
  const { durationMs } = transformation
  return durationMs === undefined ? UNTOLD_SECONDS : Math.max(1, Math.ceil(durationMs / 1000))
}
