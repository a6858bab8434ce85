/** The options of a rendition, as plain data that is passed from the URL to the encoder. */

import type { AssetRoute, Transformation } from '@media-proxy/shared/request/media-request.ts'

/** The size of the rendition, and how the image is fitted into it. */
type Box = Pick<Transformation, 'width' | 'height' | 'fit' | 'gravity'>

export interface RenderOptions extends Omit<Transformation, keyof Box> {
  readonly geometry: Geometry
  /** Whether media other than images is rejected as undecodable. */
  readonly imagesOnly: boolean
}

/**
 * How JPEG and WebP are scaled while they are decoded: `fine` leaves enough pixels for a good downscaling
 * filter, `fast` scales as far as the codec can.
 */
export type RenderQuality = 'fine' | 'fast'

/** How the size of a rendition is derived from that of its source. */
export type Geometry =
  | { readonly kind: 'asset'; readonly route: AssetRoute; readonly size: number }
  | ({ readonly kind: 'transformation' } & Box)

/** The whole image at its own size. */
export const FULL_SIZE: Geometry = { kind: 'transformation', fit: 'cover', gravity: 'centre' }
