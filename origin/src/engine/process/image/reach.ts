/**
 * How far an animation is gone through for a few of its frames. Each is drawn upon those before it, so the last of a
 * thousand costs a thousand; and what an animation is does not depend on how many of its frames anybody looks at, so
 * none is refused for it.
 */

import type { MediaLimits } from '../../../media/limits.ts'
import type { ImageInfo } from './inspect.ts'

/** So many times the bytes that a source may decode to are decoded for single frames, one after the other. */
const PASSES = 4

/** Frames that are decoded at the most, those before the wanted ones included. */
export function affordableDecodes(
  { width, height, bands, bytesPerSample }: Pick<ImageInfo, 'width' | 'height' | 'bands' | 'bytesPerSample'>,
  { decodedBytes }: Pick<MediaLimits, 'decodedBytes'>,
): number {
  return Math.max(1, Math.floor((PASSES * decodedBytes) / (width * height * bands * bytesPerSample)))
}

/**
 * Which of the wanted frames, in their order, are decoded: all, or every other one, until they can be afforded; at the
 * worst the farthest that can. Each is reached from the first one anew.
 */
export function reachableFrames(wanted: readonly number[], decodes: number): readonly number[] {
  let left = wanted
  while (left.length > 1 && decodesOf(left) > decodes) left = left.filter((_, at) => at % 2 === 1)
  return decodesOf(left) <= decodes ? left : [decodes - 1]
}

/** Frames that are decoded for these, each reached from the first one anew. */
export function decodesOf(frames: readonly number[]): number {
  return frames.reduce((sum, frame) => sum + frame + 1, 0)
}
