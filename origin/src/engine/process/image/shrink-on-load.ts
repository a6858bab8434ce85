/**
 * Selects how far a JPEG or a WebP is scaled down while it is decoded. The JPEG codec can halve both sides
 * one to three times, in a fraction of the time. It loses sharpness, because it drops frequencies block by
 * block and keeps the chroma at its stored resolution. On four photographs the score (SSIMULACRA2 against the
 * whole image, scaled down) is 67 with this, and 72 when decoded at full size.
 *
 * The WebP codec can scale to any size, but without a filter: photographs lose up to a sixth of the contrast
 * between neighbouring pixels, and fine detail shows aliasing patterns. Three photographs of 512 pixels, and
 * a pattern of rings, scaled to 128 (PSNR against a good filter, time): by the codec alone 38 to 46 dB, and
 * 24 dB, in 8 ms; by a good filter alone exact, in 14 ms; with both, when the codec halves the sides and a
 * good filter does the rest, 49 to 55 dB, and 52 dB, in 10 ms.
 */

import type { ResizeOptions, Sharp } from 'sharp'
import type { Size } from '../../../media/size.ts'
import type { ImageInfo } from './inspect.ts'
import type { Plan } from './plan.ts'
import type { Render } from './render.ts'

/** Above this number of source pixels, the time matters more than the sharpness: 7 ms per megapixel. */
export const FULL_READ_PIXELS = 8_000_000

/** Decodes a JPEG at full size where that is worth its time. */
export function readFully(pipeline: Sharp, info: ImageInfo, render: Render): Sharp {
  // Sharp scales while decoding only if no colour space is set for the pipeline, so setting one prevents it.
  // Setting one for an image in another space than sRGB would change its colours.
  return reads(info, render) === 'fully' ? pipeline.pipelineColourspace('srgb') : pipeline
}

/**
 * Returns the options of the resize stage: scaling as far as the codec can, or leaving at least a factor of
 * two of a JPEG, or all of a WebP, to a good filter.
 */
export function readingOptions(
  info: Pick<ImageInfo, 'width' | 'height'> & Partial<ImageInfo>,
  render: Pick<Render, 'fast'>,
): Pick<ResizeOptions, 'fastShrinkOnLoad'> {
  const isFine = info.format === 'jpeg' ? render.fast !== true : isWholeWebp(info, render)
  return isFine ? { fastShrinkOnLoad: false } : {}
}

/** Whether a WebP is decoded at full size, however small its rendition is. */
export function isWholeWebp(
  { format, width, height }: Pick<ImageInfo, 'width' | 'height'> & Partial<ImageInfo>,
  { fast }: Pick<Render, 'fast'>,
): boolean {
  return format === 'webp' && fast !== true && width * height <= WHOLE_WEBP_PIXELS
}

/** A frame with more pixels takes a hundred megabytes. */
const WHOLE_WEBP_PIXELS = 16_000_000

/**
 * Returns the size to which the codec scales a WebP before a good filter scales it further: a half, a third
 * and so on of the source, and at least twice the wanted size. At sizes in between, source pixels would have
 * unequal weights. Undefined when the codec does not scale: it would mix in the colours of transparent
 * pixels, and it cannot scale a part or a rotated image.
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

/** Whether the codec could halve the image at all. */
function halves(
  { width, height }: Pick<ImageInfo, 'width' | 'height'>,
  plan: Pick<Plan, 'width' | 'height'>,
): boolean {
  return Math.min(width / plan.width, height / plan.height) >= 2
}

/**
 * Whether every pixel of a JPEG is decoded: at full size, for a part, or because its codec cannot halve it.
 */
export function isReadWhole(info: ImageInfo, render: Render): boolean {
  if (render.part !== undefined || reads(info, render) === 'fully') return true
  const { plan, fast } = render
  return Math.max(info.width / plan.width, info.height / plan.height) < (fast === true ? 2 : 4)
}
