/** What a request wants made of its source: plain data, from the URL to the encoder. */

import type { AssetRoute, Transformation } from '@media-proxy/shared/request/media-request.ts'

/** The sides and how they are filled. */
type Box = Pick<Transformation, 'width' | 'height' | 'fit' | 'gravity'>

export interface RenderOptions extends Omit<Transformation, keyof Box> {
  readonly geometry: Geometry
  /** Anything else than an image is a source that cannot be decoded. */
  readonly imagesOnly: boolean
}

/** How JPEG and WebP are read: finely enough for a good filter to make them smaller, or as coarsely as their codecs can. */
export type RenderQuality = 'fine' | 'fast'

/** How the size of a rendition follows from that of its source. */
export type Geometry =
  | { readonly kind: 'asset'; readonly route: AssetRoute; readonly size: number }
  | ({ readonly kind: 'transformation' } & Box)

/** The whole picture, as large as it is. */
export const FULL_SIZE: Geometry = { kind: 'transformation', fit: 'cover', gravity: 'centre' }
