import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'

/** Either fits the image into a square, or stretches it to one. */
type SmallOptions = (
  | { readonly maxSidePixels: number; readonly squarePixels?: undefined }
  | { readonly squarePixels: number; readonly maxSidePixels?: undefined }
) & {
  /** The colour below transparent pixels. Without it the image keeps its alpha. */
  readonly background?: string
}

/** Returns an image as RGBA at the small size that an analysis needs. Fails with `undecodable`. */
export async function shrinkToRgba(
  image: RawImage,
  { maxSidePixels, squarePixels, background }: SmallOptions,
): Promise<RawImage | Failure> {
  try {
    const opened = background === undefined ? openRaw(image) : openRaw(image).flatten({ background })
    const scaled =
      maxSidePixels === undefined
        ? opened.resize(squarePixels, squarePixels, { fit: 'fill' })
        : opened.resize(maxSidePixels, maxSidePixels, { fit: 'inside', withoutEnlargement: true })
    const { data, info } = await scaled
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { data, width: info.width, height: info.height, channels: 4 }
  } catch (error) {
    return decodingFailure(error)
  }
}
