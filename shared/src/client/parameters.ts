/** What a URL can ask of the service, as the query has it; where the grammar has a list, the types are its. */

import type { ClipFormat } from '../formats.ts'
import type { Flip, Rotation } from '../request/image-operations.ts'
import type { Fit, Gravity } from '../request/media-request.ts'
import type { ASSET_SIZES, DPRS } from '../request/parameters.ts'

/** A size that an asset can be asked for, in pixels. */
export type AssetSize = (typeof ASSET_SIZES)[number]

export type DevicePixelRatio = (typeof DPRS)[number]

/** Parameters of avatars, icons, banners, splashes, emojis and stickers. */
export interface AssetParameters {
  /** Pixels that bound the width (stickers: both sides). Default 128. `assetSizeFor` finds one for any number. */
  readonly size?: AssetSize
  readonly format?: OutputFormat
  readonly quality?: OutputQuality
  /** Default: true where the hash starts with `a_`. */
  readonly animated?: boolean
  /** Device pixel ratio. */
  readonly dpr?: DevicePixelRatio
  /** Gaussian sigma, 1..100. */
  readonly blur?: number
  /** `x,y,width,height` of the upright source: pixels, or fractions where one has a point. */
  readonly crop?: `${number},${number},${number},${number}`
  /** Cuts off borders of one colour. */
  readonly trim?: boolean
  /** Degrees clockwise. */
  readonly rotate?: Rotation
  /** Swaps left and right (`h`) or top and bottom (`v`) of the turned picture. */
  readonly flip?: Flip
  /** Pixels around the picture, or several as in CSS (`5,20`), each at most 1000. */
  readonly pad?: number | PaddingText
  /** Six hexadecimal digits: what is transparent lies on this colour. */
  readonly background?: string
  /** Strength, 1..10. */
  readonly sharpen?: number
  /** The quality is lowered until the answer has no more bytes than these. */
  readonly maxbytes?: number
  /** A name of the service's configuration, which stands for other parameters; those given here precede. */
  readonly preset?: string
  /** Answered as a file to keep. */
  readonly download?: boolean
}

/** Parameters of attachments and of external media. */
export interface TransformationParameters extends Omit<AssetParameters, 'size' | 'format'> {
  /** `mp4` and `webm`: a clip of a film or of an animated image. */
  readonly format?: OutputFormat | ClipFormat
  /** Pixels, 1..16384; never enlarged. */
  readonly width?: number
  readonly height?: number
  /** What happens where both sides are given and the ratio differs. Default `cover`. */
  readonly fit?: Fit
  readonly gravity?: Gravity
  /**
   * Videos: seconds from the start, a whole percentage such as `50%`, or `best`, which is neither black, nor blank, nor
   * blurred. Default: the first frame that is shown.
   */
  readonly time?: number | `${number}%` | 'best'
  /** A sheet of evenly spaced frames of a video, such as `4x3`; each as wide as `width` says. */
  readonly sprite?: `${number}x${number}`
  /** Longest duration of a clip, in seconds. */
  readonly duration?: number
  /** Most pictures a second of what moves, 1..30; it lasts as long with fewer of them. */
  readonly fps?: number
  /** Whether a clip has the sound of its source. Default true. */
  readonly audio?: boolean
}

/** Pixels as in CSS: all sides; above and below, and beside; up to one number for each side. */
export type PaddingText =
  | `${number}`
  | `${number},${number}`
  | `${number},${number},${number}`
  | `${number},${number},${number},${number}`

export type OutputFormat = 'png' | 'jpg' | 'jpeg' | 'webp' | 'gif' | 'avif' | 'auto'

/** `high` is 80 and `low` 20 on the scale of WebP and JPEG. */
export type OutputQuality = 'high' | 'low' | 'lossless' | number

/** A query with its question mark, in the order in which the parameters were given; empty for none. */
export function serializeQuery(parameters: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value))
  }
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}
