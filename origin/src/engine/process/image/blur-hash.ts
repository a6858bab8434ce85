import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { encode } from 'blurhash'
import type { RawImage } from '../pixels/raw-image.ts'
import { shrinkToRgba } from './small-image.ts'

/** The largest side of the encoded image. More pixels make no visible difference to the hash. */
const MAX_SIDE_PIXELS = 64
const COMPONENTS_ACROSS = 4
const COMPONENTS_DOWN = 3

/**
 * Computes the BlurHash of an image on white (https://github.com/woltapp/blurhash), with four by three
 * components. Fails with `undecodable`.
 */
export async function blurHashOf(image: RawImage): Promise<string | Failure> {
  const small = await shrinkToRgba(image, { maxSidePixels: MAX_SIDE_PIXELS, background: 'white' })
  if (isFailure(small)) return small
  const { data, width, height } = small
  return encode(Uint8ClampedArray.from(data), width, height, COMPONENTS_ACROSS, COMPONENTS_DOWN)
}
