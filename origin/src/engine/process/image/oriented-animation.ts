/**
 * Plays an animation with an EXIF orientation, which WebP may have: Sharp does not rotate animations. Its
 * frames are first scaled close to the wanted size, because all of them are held in memory.
 */

import type { Size } from '../../../media/size.ts'
import { TOLERANT_OPTIONS } from '../formats/repair.ts'
import { isSideways, orientPixels } from '../pixels/orient-pixels.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import { framesOf } from '../pixels/strip.ts'
import type { ImageInfo } from './inspect.ts'
import type { Played } from './played.ts'
import type { Render } from './render.ts'
import { readingOptions } from './shrink-on-load.ts'

/** Plays a file in display orientation, from the given frame on. Throws the exceptions of Sharp. */
export async function playOriented(
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
  from: number,
): Promise<Played> {
  const { plan, part } = render
  // The used part is given in pixels of the full size.
  const upright = part === undefined ? filled(info, plan) : info
  const { width, height } = isSideways(info.orientation)
    ? { width: upright.height, height: upright.width }
    : upright
  const pages = { page: from, pages: info.frames - from }
  const opened = sharp(bytes, { ...UNLIMITED_PIXELS, ...TOLERANT_OPTIONS, ...pages })
  const { loop = 0, delay } = await opened.metadata()
  const data = await opened
    .resize(width, height, { fit: 'fill', ...readingOptions(info, render) })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer()
  const timing = { loop, ...(delay === undefined ? {} : { delay: delay.slice(0, info.frames) }) }
  const frames = framesOf({ data, width, height, timing })
  return {
    frames: orientFrames(frames, { width, height }, info.orientation),
    firstIndex: from,
    count: from + frames.length,
    timing,
  }
}

/**
 * Returns the size, in display orientation, at which a frame fills the plan, including what is cropped later.
 */
function filled({ width, height }: Size, plan: Size): Size {
  const scale = Math.min(1, Math.max(plan.width / width, plan.height / height))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

function* orientFrames(
  frames: readonly Uint8Array[],
  stored: Size,
  orientation: number,
): Generator<RawImage, void, void> {
  for (const frame of frames) yield orientPixels(frame, stored, orientation)
}
