/** Crops and trims pixels that are already decoded, when the used part depends on the content. */

import type { ImageOperations } from '@media-proxy/shared/request/image-operations.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { insideBorder } from './border.ts'
import { type Part, partOf } from './layout.ts'
import { pixelsOf } from './render-stages.ts'

/** Returns the used part of an image. Fails with `bad-request` when the crop lies outside of it. */
export async function cutPixels(
  image: RawImage,
  { crop, trim }: Pick<ImageOperations, 'crop' | 'trim'>,
): Promise<RawImage | Failure> {
  const part = crop && partOf(crop, image)
  if (isFailure(part)) return part
  const cropped = await cutTo(part, image)
  return isFailure(cropped) || !trim ? cropped : cutTo(insideBorder(cropped), cropped)
}

async function cutTo(part: Part | undefined, image: RawImage): Promise<RawImage | Failure> {
  return part === undefined ? image : pixelsOf(openRaw(image).extract(part))
}
