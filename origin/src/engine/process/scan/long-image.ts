/**
 * Splits images that are much longer than wide, such as screenshots of a whole conversation. Stretched to the
 * model's square input, their content would be unrecognisable, so they are also scanned in parts.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import { pixelsOf } from '../image/render-stages.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'

/**
 * The ratio of the sides above which an image is split. Below it the content is still recognisable in the
 * whole image.
 */
const LONG = 3
/** The largest number of parts. The parts of a longer image are themselves elongated. */
const MAX_PARTS = 8

/**
 * Returns the number of parts of an image. It is also the factor by which the image has to be decoded longer
 * than one that is scanned whole, so that its parts are as sharp.
 */
export function partsOf({ width, height }: Size): number {
  const ratio = Math.max(width, height) / Math.max(1, Math.min(width, height))
  return ratio > LONG ? Math.min(MAX_PARTS, Math.ceil(ratio)) : 1
}

/**
 * Returns evenly spaced parts that cover the whole image. Empty when the image is not long. Fails with
 * `undecodable`.
 */
export async function cutIntoParts(image: RawImage): Promise<readonly RawImage[] | Failure> {
  const { width, height } = image
  const count = partsOf(image)
  if (count === 1) return []
  const isTall = height > width
  const [long, short] = isTall ? [height, width] : [width, height]
  const length = Math.max(short, Math.ceil(long / count))
  const parts: RawImage[] = []
  for (let index = 0; index < count; index += 1) {
    const from = Math.round((index * (long - length)) / (count - 1))
    const area = isTall
      ? { left: 0, top: from, width, height: length }
      : { left: from, top: 0, width: length, height }
    const part = await pixelsOf(openRaw(image).extract(area))
    if (isFailure(part)) return part
    parts.push(part)
  }
  return parts
}
