/** Crop and trim of pixels that are decoded already: where the part that is used depends on what is seen. */

import type { ImageOperations } from '@media-proxy/shared/request/image-operations.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { decodingFailure } from './decode.ts'
import { partOf } from './layout.ts'
import type { RawPicture } from './raw-picture.ts'
import { openRaw, pixelsOf } from './render-stages.ts'

/** The part of a picture that is used. Fails with `bad-request` where the crop lies outside of it. */
export async function cutPixels(
  picture: RawPicture,
  { crop, trim }: Pick<ImageOperations, 'crop' | 'trim'>,
): Promise<RawPicture | Failure> {
  const part = crop && partOf(crop, picture)
  if (isFailure(part)) return part
  const cropped = part === undefined ? picture : await pixelsOf(openRaw(picture).extract(part))
  return isFailure(cropped) || !trim ? cropped : trimmed(cropped)
}

/** How far a border's colour may be from that of the upper left pixel, of 255: codecs leave some noise. */
const TRIM_THRESHOLD = 10
/** Sharp trims nothing smaller. */
const LEAST_TRIMMED_PIXELS = 3

async function trimmed(picture: RawPicture): Promise<RawPicture | Failure> {
  if (Math.min(picture.width, picture.height) < LEAST_TRIMMED_PIXELS) return picture
  try {
    const { data, info } = await openRaw(picture)
      .trim({ threshold: TRIM_THRESHOLD })
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { data, width: info.width, height: info.height, channels: picture.channels }
  } catch (error) {
    return decodingFailure(error)
  }
}
