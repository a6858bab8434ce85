import { isClipFormat } from '../formats.ts'
import type { SourceRequest } from './media-request.ts'

/** Seconds of a clip whose URL tells none: a short film, and more than most animations. */
const UNTOLD_SECONDS = 10

/** How many attempts of the budget of renders a request is: a clip as many as it has seconds, as far as its URL tells. */
export function renderAttempts(request: SourceRequest): number {
  const transformation = 'transformation' in request ? request.transformation : undefined
  if (transformation === undefined || !isClipFormat(transformation.format)) return 1
  const { durationMs } = transformation
  return durationMs === undefined ? UNTOLD_SECONDS : Math.max(1, Math.ceil(durationMs / 1000))
}
