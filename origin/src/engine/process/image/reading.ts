/**
 * How coarsely a JPEG or a WebP is decoded that becomes smaller. The codec of JPEG can halve both sides one to three times
 * on the way, at a fraction of the time, and of the sharpness: it leaves out frequencies block by block, and keeps the
 * chroma as coarse as it was stored. On four photographs (SSIMULACRA2 against the whole picture, reduced): 67 so, 72 read
 * at full size.
 *
 * That of WebP can scale to any size, and has no filter for it: photographs lose up to a sixth of their contrast between
 * neighbours, and what is fine has patterns that are not there. Three photographs of 512 pixels and rings, to 128 (PSNR
 * against a good filter, time): 38 to 46 and 24 dB in 8 ms so, exact in 14, 49 to 55 and 52 dB in 10 where the codec goes
 * halves the sides and a good filter does the rest.
 */

import type { ResizeOptions, Sharp } from 'sharp'
import type { Size } from '../../../media/size.ts'
import type { ImageInfo } from './inspect.ts'
import type { Plan } from './plan.ts'
import type { Render } from './render-stages.ts'

/** Beyond this many pixels of the source the time counts for more: 7 ms a megapixel. */
const FULL_READ_PIXELS = 8_000_000

/** Has a JPEG read at full size, where that is worth its time. */
export function readFully(pipeline: Sharp, info: ImageInfo, render: Render): Sharp {
  // Sharp reads coarsely only what it may leave in the colours it is in: with a colour space for its work it does not. In
  // another space than sRGB that would change the colours.
  return reads(info, render) === 'fully' ? pipeline.pipelineColourspace('srgb') : pipeline
}

/**
 * The scaling of what is read: as coarsely as it can be, or so that at least half of a JPEG, or all of a WebP, is left to a
 * good filter.
 */
export function readingOptions(
  info: Pick<ImageInfo, 'width' | 'height'> & Partial<ImageInfo>,
  render: Pick<Render, 'fast'>,
): Pick<ResizeOptions, 'fastShrinkOnLoad'> {
  const isFine = info.format === 'jpeg' ? render.fast !== true : isWholeWebp(info, render)
  return isFine ? { fastShrinkOnLoad: false } : {}
}

/** Tells whether a WebP is held at full size, however small it becomes. */
export function isWholeWebp(
  { format, width, height }: Pick<ImageInfo, 'width' | 'height'> & Partial<ImageInfo>,
  { fast }: Pick<Render, 'fast'>,
): boolean {
  return format === 'webp' && fast !== true && width * height <= WHOLE_WEBP_PIXELS
}

/** Beyond it a frame takes a hundred megabytes. */
const WHOLE_WEBP_PIXELS = 16_000_000

/**
 * The size to which the codec scales a WebP before a good filter does: a half, a third and so on of the source, and at least
 * twice what is wanted. In between its pixels would be of different weight. Undefined where it does not: of what is
 * transparent it would mix the colours in, and of a part or of what is turned it knows nothing.
 */
export function coarseSize(
  { format, width, height, hasAlpha, frames, orientation }: ImageInfo,
  { plan, part, fast }: Pick<Render, 'plan' | 'part' | 'fast'>,
): Size | undefined {
  const isPlain = !hasAlpha && frames === 1 && orientation === 1 && part === undefined
  if (format !== 'webp' || fast === true || !isPlain) return undefined
  const [across, down] = [plan.width / width, plan.height / height]
  const share = plan.mode === 'cover' ? Math.max(across, down) : Math.min(across, down)
  const divisor = Math.floor(1 / (2 * share))
  return divisor < 2 ? undefined : { width: Math.ceil(width / divisor), height: Math.ceil(height / divisor) }
}

function reads(
  { format, width, height, bands, plainColours }: ImageInfo,
  { plan, fast }: Render,
): 'fully' | 'coarsely' {
  const isColour = plainColours && bands === 3
  if (fast === true || format !== 'jpeg' || !isColour || width * height > FULL_READ_PIXELS) return 'coarsely'
  return halves({ width, height }, plan) ? 'fully' : 'coarsely'
}

/** Whether the codec could do anything at all. */
function halves(
  { width, height }: Pick<ImageInfo, 'width' | 'height'>,
  plan: Pick<Plan, 'width' | 'height'>,
): boolean {
  return Math.min(width / plan.width, height / plan.height) >= 2
}

/** Whether every pixel of a JPEG is read: all at once, or of a part, or since there is nothing for its codec to halve. */
export function isReadWhole(info: ImageInfo, render: Render): boolean {
  if (render.part !== undefined || reads(info, render) === 'fully') return true
  const { plan, fast } = render
  return Math.max(info.width / plan.width, info.height / plan.height) < (fast === true ? 2 : 4)
}
