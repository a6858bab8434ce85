import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { Layout } from './layout.ts'

/**
 * The requested rendition of a known source: the geometry is resolved to a plan, and the format to one that
 * is written.
 */
export interface Render extends Layout {
  readonly format: ImageFormat
  readonly quality: Quality
  /** Whether to keep all frames when the output format supports that. */
  readonly animated: boolean
  /** Whether to scale a JPEG or a WebP as far as its codec can, and to encode a JPEG in one pass. */
  readonly fast?: boolean
  /** The Gaussian sigma, in pixels of the rendition. */
  readonly blur?: number
  /** The strength, 1..10. */
  readonly sharpen?: number
  /** Six hexadecimal digits. Transparent pixels are composed on this colour. */
  readonly background?: string
  /** Only set for formats whose quality can be lowered. */
  readonly maxBytes?: number
  /** The largest number of frames per second of an animation that is kept. */
  readonly fps?: number
}
