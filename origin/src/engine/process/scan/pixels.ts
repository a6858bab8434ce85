import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { MODEL_SIDE_PIXELS } from '../../scan-model.ts'
import { UNLIMITED_PIXELS } from '../image/inspect.ts'
import type { RawPicture } from '../image/raw-picture.ts'
import { sharp } from '../image/sharp.ts'

/**
 * The square that the model sees: the whole picture, stretched, without alpha (on white; on black what would not be seen
 * there). Linear, as in nsfwjs; but averaged where it shrinks, while nsfwjs drops what lies between its samples. Fails with
 * `undecodable`.
 */
export async function modelPixels(picture: RawPicture): Promise<Uint8Array | Failure> {
  const { data, width, height, channels } = picture
  try {
    return await sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
      .resize(MODEL_SIDE_PIXELS, MODEL_SIDE_PIXELS, { fit: 'fill', kernel: 'linear' })
      .flatten({ background: isLight(picture) ? '#000000' : '#ffffff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer()
  } catch (error) {
    return fail('undecodable', error instanceof Error ? error.message : String(error))
  }
}

/** Of 255: what is lighter in the mean is not seen on white, and is seen where a page is dark. */
const LIGHT = 224

/** Whether what is to be seen of a picture is nearly white, its shape given by its alpha. */
function isLight({ data, channels }: RawPicture): boolean {
  if (channels === 3) return false
  let [light, seen, hidden] = [0, 0, 0]
  for (let at = 0; at < data.length; at += channels) {
    const alpha = data[at + 3] ?? 0
    light += Math.min(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0) * alpha
    seen += alpha
    hidden += 255 - alpha
  }
  return hidden > 0 && seen > 0 && light / seen > LIGHT
}
