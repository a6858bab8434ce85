import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { MODEL_SIDE_PIXELS } from '../../scan-model.ts'
import { UNLIMITED_PIXELS } from '../image/inspect.ts'
import type { RawPicture } from '../image/raw-picture.ts'
import { sharp } from '../image/sharp.ts'

/**
 * The square that the model sees: the whole picture, stretched, without alpha (on white). Linear, as in nsfwjs;
 * but averaged where it shrinks, while nsfwjs drops what lies between its samples. Fails with `undecodable`.
 */
export async function modelPixels(picture: RawPicture): Promise<Uint8Array | Failure> {
  const { data, width, height, channels } = picture
  try {
    return await sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
      .resize(MODEL_SIDE_PIXELS, MODEL_SIDE_PIXELS, { fit: 'fill', kernel: 'linear' })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer()
  } catch (error) {
    return fail('undecodable', error instanceof Error ? error.message : String(error))
  }
}
