/** The query parameters of URLs. Types with a fixed list of values are derived from the grammar. */

import type { ClipFormat } from '../formats.ts'
import type { Flip, Rotation } from '../request/image-operations.ts'
import type { Fit, Gravity } from '../request/media-request.ts'
import type { ASSET_SIZES, DPRS } from '../request/parameters.ts'

/** A size in which assets are rendered, in pixels. */
export type AssetSize = (typeof ASSET_SIZES)[number]

export type DevicePixelRatio = (typeof DPRS)[number]

/** Parameters of avatars, icons, banners, splashes, emojis and stickers. */
export interface AssetParameters {
  /** The largest width (for stickers, the largest side) in pixels. Default: 128. See `assetSizeFor`. */
  readonly size?: AssetSize
  readonly format?: OutputFormat
  readonly quality?: OutputQuality
  /** Default: true when the hash starts with `a_`. */
  readonly animated?: boolean
  /** The device pixel ratio. */
  readonly dpr?: DevicePixelRatio
  /** The sigma of the Gaussian blur, 1..100. */
  readonly blur?: number
  /** `x,y,width,height` of the upright source: in pixels, or in fractions if any has a decimal point. */
  readonly crop?: `${number},${number},${number},${number}`
  /** Removes borders of one colour. */
  readonly trim?: boolean
  /** In degrees clockwise. */
  readonly rotate?: Rotation
  /** Swaps left and right (`h`) or top and bottom (`v`) of the rotated image. */
  readonly flip?: Flip
  /** The border around the image in pixels: one number, or several as in CSS (`5,20`), each at most 1000. */
  readonly pad?: number | PaddingText
  /** The colour behind transparent pixels, as six hexadecimal digits. */
  readonly background?: string
  /** The strength, 1..10. */
  readonly sharpen?: number
  /** The largest size of the response, in bytes. The quality is lowered to meet it. */
  readonly maxbytes?: number
  /** A preset in the service's configuration. The other parameters here take precedence over it. */
  readonly preset?: string
  /** Makes browsers save the response as a file. */
  readonly download?: boolean
}

/** Parameters of attachments and of external media. */
export interface TransformationParameters extends Omit<AssetParameters, 'size' | 'format'> {
  /** `mp4` and `webm` make a clip of a video or an animated image. */
  readonly format?: OutputFormat | ClipFormat
  /** In pixels, 1..16384. Never enlarges. */
  readonly width?: number
  readonly height?: number
  /** How the image fits when both sides are given and the aspect ratio differs. Default: `cover`. */
  readonly fit?: Fit
  readonly gravity?: Gravity
  /**
   * The frame of a video: seconds from the start, a whole percentage such as `50%`, or `best`, which is
   * neither black, nor blank, nor blurred. Default: the first frame that decodes.
   */
  readonly time?: number | `${number}%` | 'best'
  /** A sprite sheet of evenly spaced frames of a video, such as `4x3`. `width` is the width of each frame. */
  readonly sprite?: `${number}x${number}`
  /** The longest duration of a clip or a preview, in seconds. */
  readonly duration?: number
  /** The highest frame rate, in frames per second, 1..30. The duration stays the same. */
  readonly fps?: number
  /** Whether a clip keeps the audio of its source. Default: true. */
  readonly audio?: boolean
}

/** A border in pixels, as in CSS: one number for all sides, or two, three or four numbers. */
export type PaddingText =
  | `${number}`
  | `${number},${number}`
  | `${number},${number},${number}`
  | `${number},${number},${number},${number}`

export type OutputFormat = 'png' | 'jpg' | 'jpeg' | 'webp' | 'gif' | 'avif' | 'auto'

/** `high` is 80 and `low` 20 on the scale of WebP and JPEG. */
export type OutputQuality = 'high' | 'low' | 'lossless' | number

/** Serializes parameters to a query with its question mark, in the given order. Empty without parameters. */
export function serializeQuery(parameters: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value))
  }
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}
