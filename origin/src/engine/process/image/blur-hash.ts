import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { encode } from 'blurhash'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { smallOf } from './small-picture.ts'

/** More pixels than that change no digit of it that anybody sees. */
const MAX_SIDE_PIXELS = 64
const COMPONENTS_ACROSS = 4
const COMPONENTS_DOWN = 3

/** The BlurHash of a picture on white (https://github.com/woltapp/blurhash), four by three components. Fails with `undecodable`. */
export async function blurHashOf(picture: RawPicture): Promise<string | Failure> {
  const small = await smallOf(picture, { maxSidePixels: MAX_SIDE_PIXELS, background: 'white' })
  if (isFailure(small)) return small
  const { data, width, height } = small
  return encode(Uint8ClampedArray.from(data), width, height, COMPONENTS_ACROSS, COMPONENTS_DOWN)
}
