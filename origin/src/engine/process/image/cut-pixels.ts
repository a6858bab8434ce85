/** Crop and trim of pixels that are decoded already: where the part that is used depends on what is seen. */

import type { ImageOperations } from '@media-proxy/shared/request/image-operations.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { insideBorder } from './border.ts'
import { type Part, partOf } from './layout.ts'
import { openRaw, pixelsOf } from './render-stages.ts'

/** The part of a picture that is used. Fails with `bad-request` where the crop lies outside of it. */
export async function cutPixels(
  picture: RawPicture,
  { crop, trim }: Pick<ImageOperations, 'crop' | 'trim'>,
): Promise<RawPicture | Failure> {
  const part = crop && partOf(crop, picture)
  if (isFailure(part)) return part
  const cropped = await cutTo(part, picture)
  return isFailure(cropped) || !trim ? cropped : cutTo(insideBorder(cropped), cropped)
}

async function cutTo(part: Part | undefined, picture: RawPicture): Promise<RawPicture | Failure> {
  return part === undefined ? picture : pixelsOf(openRaw(picture).extract(part))
}
