/** In which format a rendition is written. */

import { type ImageFormat, isClipFormat } from '@media-proxy/shared/formats.ts'
import type { ImageFormat as SourceFormat } from '../../media/kinds.ts'
import type { SourceLimits } from '../../media/limits.ts'
import type { RenderOptions } from '../render-options.ts'
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

/** Moving pictures are no AVIF yet. */
export function movingFormat(format: ImageFormat): ImageFormat {
  return format === 'avif' ? 'webp' : format
}

/** AVIF is encoded as a still only, and only up to a size: what moves and what is larger is WebP. */
export function outputFormat(
  format: ImageFormat,
  { frames }: Pick<ImageInfo, 'frames'>,
  { animated }: RenderOptions,
  layout: Layout,
  { avifPixels }: SourceLimits,
): ImageFormat {
  if (format !== 'avif') return format
  const { width, height } = sizeOf(layout)
  return (animated && frames > 1) || width * height > avifPixels ? 'webp' : format
}
