/** What a request wants made of its source: plain data, from the URL to the encoder. */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type {
  AssetRoute,
  Fit,
  Gravity,
  MediaTime,
  Quality,
} from '@media-proxy/shared/request/media-request.ts'

export interface RenderOptions {
  readonly geometry: Geometry
  /** `source`: the source's own format, or WebP where that is none which is written. */
  readonly format: ImageFormat | 'source'
  readonly quality: Quality
  /** A quality was asked for: then even an unchanged picture is encoded anew. */
  readonly qualityAsked: boolean
  /** Keep all frames where the output format can hold them. */
  readonly animated: boolean
  /** Gaussian sigma in pixels of the rendition, 1..100. */
  readonly blur?: number
  /** Which frame of a video; the first that is shown where nothing is asked. */
  readonly time?: MediaTime
  /** Anything else than an image is a source that cannot be decoded. */
  readonly imagesOnly: boolean
}

/** How the size of a rendition follows from that of its source. */
export type Geometry =
  | { readonly kind: 'asset'; readonly route: AssetRoute; readonly size: number }
  | {
      readonly kind: 'transformation'
      readonly width?: number
      readonly height?: number
      readonly fit: Fit
      readonly gravity: Gravity
    }

/** The whole picture, as large as it is. */
export const FULL_SIZE: Geometry = { kind: 'transformation', fit: 'cover', gravity: 'centre' }
