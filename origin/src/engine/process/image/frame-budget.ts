/**
 * Bounds how much of an animation is decoded for a few of its frames. Each frame is composed on those before
 * it, so the last of a thousand frames costs a thousand decodes. The metadata of an animation does not depend
 * on how many of its frames are analysed, so no animation is rejected for this cost.
 */

import type { MediaLimits } from '../../../media/limits.ts'
import type { ImageInfo } from './inspect.ts'

/** Single frames may together decode to this multiple of the bytes that a source may decode to. */
const PASSES = 4

/** Returns the largest number of frames to decode, including those before the wanted ones. */
export function affordableDecodes(
  { width, height, bands, bytesPerSample }: Pick<ImageInfo, 'width' | 'height' | 'bands' | 'bytesPerSample'>,
  { decodedBytes }: Pick<MediaLimits, 'decodedBytes'>,
): number {
  return Math.max(1, Math.floor((PASSES * decodedBytes) / (width * height * bands * bytesPerSample)))
}

/**
 * Returns which of the wanted frames to decode, in their order: all of them, or every other one repeatedly
 * until their cost is affordable; at worst the farthest affordable frame. Each is decoded again from the
 * first frame.
 */
export function reachableFrames(requested: readonly number[], decodes: number): readonly number[] {
  let left = requested
  while (left.length > 1 && decodesOf(left) > decodes) left = left.filter((_, at) => at % 2 === 1)
  return decodesOf(left) <= decodes ? left : [decodes - 1]
}

/** Returns the number of frames that are decoded for the given ones, each from the first frame. */
function decodesOf(frames: readonly number[]): number {
  return frames.reduce((sum, frame) => sum + frame + 1, 0)
}
