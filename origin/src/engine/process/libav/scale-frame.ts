/** Scales frames that are not part of a video, by libav's scaler without a graph of filters. */

import { LRUCache } from 'lru-cache'
import type { AVPixelFormat, SwsFlags } from 'node-av/constants'
import type { Frame, SoftwareScaleContext } from 'node-av/lib'
import type { Size } from '../../../media/size.ts'
import type { Libav } from './load.ts'
import { isPixelFormat } from './pixels.ts'

/**
 * Converts a frame to another size and pixel format. The caller frees the result. Undefined when libav cannot
 * convert it.
 */
export function scaleFrame(
  libav: Libav,
  frame: Frame,
  { width, height }: Size,
  format: AVPixelFormat,
): Frame | undefined {
  const scaler = scalerOf(libav, frame, { width, height }, format)
  if (scaler === undefined) return undefined
  const { Frame } = libav.library
  using scaled = new Frame()
  scaled.alloc()
  scaled.width = width
  scaled.height = height
  scaled.format = format
  if (scaled.getBuffer() < 0 || scaler.scaleFrameSync(scaled, frame) < 0) return undefined
  return scaled.clone() ?? undefined
}

/**
 * The scalers of this process, by sizes and formats. Most emojis and avatars have one of a few sizes, and
 * computing the weights of a filter takes as long as scaling a small image.
 */
const SCALERS = new LRUCache<string, SoftwareScaleContext>({
  max: 8,
  dispose: (scaler) => scaler.freeContext(),
})

function scalerOf(
  { library, constants }: Libav,
  frame: Frame,
  { width, height }: Size,
  format: AVPixelFormat,
): SoftwareScaleContext | undefined {
  const from = frame.format
  if (!isPixelFormat(from, frame)) return undefined
  const key = [frame.width, frame.height, from, width, height, format].join(' ')
  const known = SCALERS.get(key)
  if (known !== undefined) return known
  const scaler = new library.SoftwareScaleContext()
  scaler.getContext(frame.width, frame.height, from, width, height, format, flagsOf(constants))
  SCALERS.set(key, scaler)
  return scaler
}

/**
 * The filter is the one that Sharp uses. Chroma keeps its full resolution in between, and sums are rounded
 * instead of cut off.
 */
function flagsOf(constants: Libav['constants']): SwsFlags {
  const { SWS_LANCZOS, SWS_FULL_CHR_H_INP, SWS_FULL_CHR_H_INT, SWS_ACCURATE_RND } = constants
  // node-av gives each flag a type of its own, and none to their sum.
  return (SWS_LANCZOS | SWS_FULL_CHR_H_INP | SWS_FULL_CHR_H_INT | SWS_ACCURATE_RND) as SwsFlags
}
