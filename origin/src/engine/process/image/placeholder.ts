import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { rgbaToThumbHash } from 'thumbhash'
import type { RawImage } from '../pixels/raw-image.ts'
import { shrinkToRgba } from './small-image.ts'

/** ThumbHash accepts at most this side, and larger images would not improve it. */
const MAX_SIDE_PIXELS = 100

/**
 * Returns the placeholder that is shown while an image loads: its ThumbHash
 * (https://evanw.github.io/thumbhash/) in standard base64, with alpha. Fails with `undecodable`.
 */
export async function placeholderOf(image: RawImage): Promise<string | Failure> {
  const small = await shrinkToRgba(image, { maxSidePixels: MAX_SIDE_PIXELS })
  if (isFailure(small)) return small
  return Buffer.from(rgbaToThumbHash(small.width, small.height, small.data)).toString('base64')
}
