import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { MODEL_SIDE_PIXELS } from '../../scan-model.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'

/**
 * Returns the square inputs of the model: the whole image, stretched, without alpha. It is composed on white;
 * on black if it would be invisible on white; and on both if much of it is translucent or white, because on a
 * dark page it is another image. Scaling is linear, as in nsfwjs, but averages when it shrinks, while nsfwjs
 * drops the pixels between its samples. Fails with `undecodable`.
 */
export async function modelPixels(image: RawImage): Promise<readonly Uint8Array[] | Failure> {
  try {
    const square = openRaw(image).resize(MODEL_SIDE_PIXELS, MODEL_SIDE_PIXELS, {
      fit: 'fill',
      kernel: 'linear',
    })
    const on = (background: string) =>
      square.clone().flatten({ background }).toColourspace('srgb').raw().toBuffer()
    const squares: Uint8Array[] = []
    for (const background of backgroundsOf(image)) squares.push(await on(background))
    return squares
  } catch (error) {
    return decodingFailure(error)
  }
}

const WHITE = '#ffffff'
const BLACK = '#000000'

/** Of 255: a lighter pixel is invisible on white, but visible on a dark page. */
const LIGHT = 224
/**
 * Of 255: a pixel with less alpha than `VISIBLE_ALPHA` is invisible, and one with more than `OPAQUE` hides the
 * page.
 */
const VISIBLE_ALPHA = 8
const OPAQUE = 248
/**
 * The largest share of visible pixels that may change with the page: the edges and shadows of cut-out images.
 */
const MAX_CHANGING_SHARE = 1 / 8

/** Returns the backgrounds on which the model has to see an image. */
function backgroundsOf({ data, channels }: RawImage): readonly string[] {
  if (channels === 3) return [WHITE]
  let [light, weight, hidden] = [0, 0, 0]
  let [seen, changing] = [0, 0]
  for (let at = 0; at < data.length; at += channels) {
    const alpha = data[at + 3] ?? 0
    const least = Math.min(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0)
    light += least * alpha
    weight += alpha
    hidden += 255 - alpha
    if (alpha < VISIBLE_ALPHA) continue
    seen += 1
    if (alpha < OPAQUE || least > LIGHT) changing += 1
  }
  if (hidden === 0 || weight === 0) return [WHITE]
  if (light / weight > LIGHT) return [BLACK]
  return changing > MAX_CHANGING_SHARE * seen ? [WHITE, BLACK] : [WHITE]
}
