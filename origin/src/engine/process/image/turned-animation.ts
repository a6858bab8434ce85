/**
 * An animation with an EXIF orientation, which WebP may have: Sharp turns no animation. Its frames are made nearly as small
 * as they are wanted first, since all of them are held.
 */

import type { ImageInfo } from './inspect.ts'
import { UNLIMITED_PIXELS } from './inspect.ts'
import { AS_FAR_AS_IT_GOES } from './mend.ts'
import type { Size } from './plan.ts'
import type { RawPicture } from './raw-picture.ts'
import type { Played } from './render-animation.ts'
import type { Render } from './render-stages.ts'
import { sharp } from './sharp.ts'
import { framesOf } from './strip.ts'

/** Plays a file upright. Throws what Sharp throws. */
export async function playTurned(
  bytes: Uint8Array,
  info: ImageInfo,
  { plan, part }: Render,
): Promise<Played> {
  // A part is told in pixels of the whole.
  const upright = part === undefined ? filled(info, plan) : info
  const { width, height } = isSideways(info) ? { width: upright.height, height: upright.width } : upright
  const opened = sharp(bytes, { ...UNLIMITED_PIXELS, ...AS_FAR_AS_IT_GOES, pages: -1 })
  const { loop = 0, delay } = await opened.metadata()
  const data = await opened
    .resize(width, height, { fit: 'fill' })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer()
  const timing = { loop, ...(delay === undefined ? {} : { delay }) }
  const frames = framesOf({ data, width, height, timing })
  return {
    frames: turnedFrames(frames, { width, height }, info.orientation),
    count: frames.length,
    timing,
  }
}

function isSideways({ orientation }: Pick<ImageInfo, 'orientation'>): boolean {
  return orientation > 4
}

/** The upright size in which a frame fills the plan, with what is cut off later. */
function filled({ width, height }: Size, plan: Size): Size {
  const scale = Math.min(1, Math.max(plan.width / width, plan.height / height))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

function* turnedFrames(
  frames: readonly Uint8Array[],
  stored: Size,
  orientation: number,
): Generator<RawPicture, void, void> {
  for (const frame of frames) yield turned(frame, stored, orientation)
}

/** One RGBA frame as EXIF's orientation (2..8) says that it is shown. */
function turned(frame: Uint8Array, stored: Size, orientation: number): RawPicture {
  const isTransposed = isSideways({ orientation })
  const [width, height] = isTransposed ? [stored.height, stored.width] : [stored.width, stored.height]
  const from = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const data = Buffer.alloc(frame.length)
  const fromRight = MIRRORED_ACROSS.has(orientation)
  const fromBottom = MIRRORED_DOWN.has(orientation)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [across, down] = isTransposed ? [y, x] : [x, y]
      const column = fromRight ? stored.width - 1 - across : across
      const row = fromBottom ? stored.height - 1 - down : down
      data.writeUInt32BE(from.getUint32((row * stored.width + column) * 4), (y * width + x) * 4)
    }
  }
  return { data, width, height, channels: 4 }
}

/** Orientations of which the first stored column, or row, is shown last (Exif 2.32, tag 274). */
const MIRRORED_ACROSS: ReadonlySet<number> = new Set([2, 3, 7, 8])
const MIRRORED_DOWN: ReadonlySet<number> = new Set([3, 4, 6, 7])
