import { isClipFormat } from '../formats.ts'
import type { SourceRequest } from './media-request.ts'

/** The seconds that count for a clip without a `duration`: a short video, longer than most animations. */
const ASSUMED_CLIP_SECONDS = 10

/** Returns the attempts of the render budget that a request costs: one, or one per second of a clip. */
export function renderAttempts(request: SourceRequest): number {
  const transformation = 'transformation' in request ? request.transformation : undefined
  if (transformation === undefined || !isClipFormat(transformation.format)) return 1
  const { durationMs } = transformation
  return durationMs === undefined ? ASSUMED_CLIP_SECONDS : Math.max(1, Math.ceil(durationMs / 1000))
}
