/**
 * Pictures that are much longer than they are wide, such as screenshots of a whole conversation: stretched to the square
 * that the model sees, nothing in them looks like what it is. They are also looked at part by part.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import { openRaw, pixelsOf } from '../image/render-stages.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'

/** How many times as long as wide: of less, the whole still shows what is in it. */
const LONG = 3
/** Of what is longer than so many squares, the parts are long themselves. */
const MOST_PARTS = 8

/** How often a picture has to be as long as one that is looked at whole, for its parts to be seen as well. */
export function partsOf({ width, height }: Size): number {
  const ratio = Math.max(width, height) / Math.max(1, Math.min(width, height))
  return ratio > LONG ? Math.min(MOST_PARTS, Math.ceil(ratio)) : 1
}

/** Evenly spaced parts that cover the whole picture; none of one that is not long. Fails with `undecodable`. */
export async function cutIntoParts(picture: RawPicture): Promise<readonly RawPicture[] | Failure> {
  const { width, height } = picture
  const count = partsOf(picture)
  if (count === 1) return []
  const isTall = height > width
  const [long, short] = isTall ? [height, width] : [width, height]
  const length = Math.max(short, Math.ceil(long / count))
  const parts: RawPicture[] = []
  for (let index = 0; index < count; index += 1) {
    const from = Math.round((index * (long - length)) / (count - 1))
    const area = isTall
      ? { left: 0, top: from, width, height: length }
      : { left: from, top: 0, width: length, height }
    const part = await pixelsOf(openRaw(picture).extract(area))
    if (isFailure(part)) return part
    parts.push(part)
  }
  return parts
}
