import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { MODEL_SIDE_PIXELS } from '../../scan-model.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'

/**
 * The squares that the model sees: the whole picture, stretched, without alpha, on white; on black what would not be seen
 * there; and on both where much of what is to be seen shines through or is white, since that is another picture where a page
 * is dark. Linear, as in nsfwjs; but averaged where it shrinks, while nsfwjs drops what lies between its samples. Fails
 * with `undecodable`.
 */
export async function modelPixels(picture: RawPicture): Promise<readonly Uint8Array[] | Failure> {
  const { data, width, height, channels } = picture
  try {
    const square = sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } }).resize(
      MODEL_SIDE_PIXELS,
      MODEL_SIDE_PIXELS,
      { fit: 'fill', kernel: 'linear' },
    )
    const on = (background: string) =>
      square.clone().flatten({ background }).toColourspace('srgb').raw().toBuffer()
    const squares: Uint8Array[] = []
    for (const background of backgroundsOf(picture)) squares.push(await on(background))
    return squares
  } catch (error) {
    return fail('undecodable', error instanceof Error ? error.message : String(error))
  }
}

const WHITE = '#ffffff'
const BLACK = '#000000'

/** Of 255: what is lighter is not seen on white, and is seen where a page is dark. */
const LIGHT = 224
/** Of 255: what has less alpha than the first is not seen, and what has more than the second hides the page. */
const SEEN = 8
const OPAQUE = 248
/** So much of what is to be seen may change with the page: the edges and shadows of what is cut out. */
const MOST_CHANGING = 1 / 8

/** What a picture lies on that the model is to see. */
function backgroundsOf({ data, channels }: RawPicture): readonly string[] {
  if (channels === 3) return [WHITE]
  let [light, weight, hidden] = [0, 0, 0]
  let [seen, changing] = [0, 0]
  for (let at = 0; at < data.length; at += channels) {
    const alpha = data[at + 3] ?? 0
    const least = Math.min(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0)
    light += least * alpha
    weight += alpha
    hidden += 255 - alpha
    if (alpha < SEEN) continue
    seen += 1
    if (alpha < OPAQUE || least > LIGHT) changing += 1
  }
  if (hidden === 0 || weight === 0) return [WHITE]
  if (light / weight > LIGHT) return [BLACK]
  return changing > MOST_CHANGING * seen ? [WHITE, BLACK] : [WHITE]
}
