/** Selects the output format of a rendition. */

import { type ImageFormat, isClipFormat } from '@media-proxy/shared/formats.ts'
import type { SourceImageFormat } from '../../../media/kinds.ts'
import type { SourceLimits } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import type { RenderOptions } from '../../render-options.ts'
import { ANIMATED_AVIF_SIDE } from '../clip/animated-avif.ts'
import { type Layout, sizeOf } from '../image/layout.ts'

/**
 * Returns the output format. Sources in formats that are not written (SVG, TIFF, HEIC and others, a still of
 * a video) become WebP.
 */
export function writtenFormat(
  requested: RenderOptions['format'],
  source: SourceImageFormat | 'video',
): ImageFormat {
  if (requested !== 'source' && !isClipFormat(requested)) return requested
  switch (source) {
    case 'png':
    case 'jpeg':
    case 'webp':
    case 'gif':
    case 'avif':
      return source
    case 'svg':
    case 'tiff':
    case 'heic':
    case 'jxl':
    case 'bmp':
    case 'ico':
    case 'video':
      return 'webp'
  }
}

/**
 * Returns the output format for the size and animation of a rendition. An AVIF above a configured size
 * becomes WebP, and so does an animated AVIF without an encoder, with options that it does not support, or
 * with more frames than fit in memory. An image with a longer side than WebP allows (RFC 9649, section 2.7.1)
 * becomes PNG.
 */
export function outputFormat(
  format: ImageFormat,
  { frames, layout }: { readonly frames: number; readonly layout: Layout },
  options: RenderOptions,
  formats: FormatOptions,
): ImageFormat {
  const { width, height } = sizeOf(layout)
  const written = format === 'avif' ? avifOrWebp({ frames, width, height }, options, formats) : format
  return written === 'webp' && Math.max(width, height) > MAX_WEBP_SIDE ? 'png' : written
}

const MAX_WEBP_SIDE = 16_383

/**
 * All frames of an animated AVIF are held in memory before the first one is encoded, which takes 500 MiB for
 * these. WebP is encoded frame by frame.
 */
const MAX_ANIMATED_AVIF_PIXELS = 40_000_000

function avifOrWebp(
  { frames, width, height }: Size & { readonly frames: number },
  { animated, quality, maxBytes }: RenderOptions,
  { limits, canAnimateAvif }: FormatOptions,
): ImageFormat {
  if (width * height > limits.avifPixels) return 'webp'
  if (!animated || frames <= 1) return 'avif'
  const isWritten =
    quality !== 'lossless' &&
    maxBytes === undefined &&
    Math.min(width, height) >= ANIMATED_AVIF_SIDE &&
    frames * width * height <= MAX_ANIMATED_AVIF_PIXELS
  return canAnimateAvif && isWritten ? 'avif' : 'webp'
}

export interface FormatOptions {
  readonly limits: Pick<SourceLimits, 'avifPixels'>
  /** Whether an encoder of animated AVIF is available. */
  readonly canAnimateAvif: boolean
}
