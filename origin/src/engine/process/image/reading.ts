/**
 * How coarsely a JPEG or a WebP is decoded that becomes smaller. The codec of JPEG can halve both sides one to three times on the way, at a
 * fraction of the time, and of the sharpness: it leaves out frequencies block by block, and keeps the chroma as coarse as
 * it was stored. On four photographs (SSIMULACRA2 against the whole picture, reduced): 67 so, 72 read at full size.
 *
 * That of WebP can scale to any size, and has no filter for it: photographs lose up to a sixth of their contrast between
 * neighbours, and what is fine has patterns that are not there. Against a good filter (PSNR): 42 dB of a photograph and 25 of
 * text so, 54 and 39 read at full size, in half as much time again.
 */

import type { ResizeOptions, Sharp } from 'sharp'
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

/** The scaling of what is read: as coarsely as it can be, or so that at least half of a JPEG, or all of a WebP, is left to a good filter. */
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
