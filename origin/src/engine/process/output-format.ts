/** In which format a rendition is written. */

import { type ImageFormat, isClipFormat } from '@media-proxy/shared/formats.ts'
import type { ImageFormat as SourceFormat } from '../../media/kinds.ts'
import type { SourceLimits } from '../../media/limits.ts'
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

/** AVIF moves where libav writes it, and only up to a size: otherwise it is WebP. */
export function outputFormat(
  format: ImageFormat,
  { frames }: Pick<ImageInfo, 'frames'>,
  { animated, quality, maxBytes }: RenderOptions,
  layout: Layout,
  { limits, avifMoves }: FormatOptions,
): ImageFormat {
  if (format !== 'avif') return format
  const { width, height } = sizeOf(layout)
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
