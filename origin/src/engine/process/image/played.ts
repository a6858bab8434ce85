import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { AnimationTiming } from '../pixels/strip.ts'

/** Frames that a decoder other than Sharp returns one by one. */
export interface Played {
  readonly frames: Iterable<RawImage> | AsyncIterable<RawImage | Failure>
  /** The index of the first of these frames in the animation. Default: 0. */
  readonly firstIndex?: number
  /** The index after the last of these frames. */
  readonly count: number
  /** The timing of the animation, with all its frames. */
  readonly timing: AnimationTiming
}
