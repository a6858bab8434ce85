import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { rgbaToThumbHash } from 'thumbhash'
import { UNLIMITED_PIXELS } from './inspect.ts'
import { AS_FAR_AS_IT_GOES } from './mend.ts'
import type { RawPicture } from './raw-picture.ts'
import { sharp } from './sharp.ts'
import { underStillBrand } from './still-brand.ts'

/** ThumbHash takes no more, and has no use for it. */
const MAX_SIDE_PIXELS = 100

/**
 * The placeholder that stands for a picture while it loads: its ThumbHash (https://evanw.github.io/thumbhash/)
 * in standard base64, alpha respected. Of an encoded image the first frame, upright; its declared size has to be
 * checked before. Fails with `undecodable`.
 */
export async function placeholderOf(source: RawPicture | Uint8Array): Promise<string | Failure> {
  const pipeline =
    source instanceof Uint8Array
      ? sharp(underStillBrand(source), { ...UNLIMITED_PIXELS, ...AS_FAR_AS_IT_GOES }).autoOrient()
      : sharp(source.data, {
          ...UNLIMITED_PIXELS,
          raw: { width: source.width, height: source.height, channels: source.channels },
        })
  try {
    const { data, info } = await pipeline
      .resize(MAX_SIDE_PIXELS, MAX_SIDE_PIXELS, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    return Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64')
  } catch (error) {
    return fail('undecodable', error instanceof Error ? error.message : String(error))
  }
}
