/** In which format a rendition is written. */

import { type ImageFormat, isClipFormat } from '@media-proxy/shared/formats.ts'
import type { ImageFormat as SourceFormat } from '../../media/kinds.ts'
import type { SourceLimits } from '../../media/limits.ts'
import type { Size } from '../../media/size.ts'
import type { RenderOptions } from '../render-options.ts'
import { MOVING_AVIF_SIDE } from './clip/moving-avif.ts'
import type { ImageInfo } from './image/inspect.ts'
import { type Layout, sizeOf } from './image/layout.ts'

/** What is no output format itself (SVG, TIFF, HEIC, a still of a video) becomes WebP. */
export function writtenFormat(wanted: RenderOptions['format'], source: SourceFormat | 'video'): ImageFormat {
  if (wanted !== 'source' && !isClipFormat(wanted)) return wanted
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
    case 'video':
      return 'webp'
  }
}

/**
 * AVIF moves where libav writes it, and only up to a size: otherwise it is WebP. What is longer than a WebP may be (RFC
 * 9649, section 2.7.1) is PNG.
 */
export function outputFormat(
  format: ImageFormat,
  info: Pick<ImageInfo, 'frames'>,
  options: RenderOptions,
  layout: Layout,
  formats: FormatOptions,
): ImageFormat {
  const { width, height } = sizeOf(layout)
  const written = format === 'avif' ? avifOrWebp(info, options, { width, height }, formats) : format
  return written === 'webp' && Math.max(width, height) > MAX_WEBP_SIDE ? 'png' : written
}

const MAX_WEBP_SIDE = 16_383

function avifOrWebp(
  { frames }: Pick<ImageInfo, 'frames'>,
  { animated, quality, maxBytes }: RenderOptions,
  { width, height }: Size,
  { limits, avifMoves }: FormatOptions,
): ImageFormat {
  if (width * height > limits.avifPixels) return 'webp'
  if (!animated || frames <= 1) return 'avif'
  const isWritten =
    quality !== 'lossless' && maxBytes === undefined && Math.min(width, height) >= MOVING_AVIF_SIDE
  return avifMoves && isWritten ? 'avif' : 'webp'
}

export interface FormatOptions {
  readonly limits: Pick<SourceLimits, 'avifPixels'>
  /** There is an encoder of AVIF that moves. */
  readonly avifMoves: boolean
}
