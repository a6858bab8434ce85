import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { rgbaToThumbHash } from 'thumbhash'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'

/** ThumbHash accepts at most this side, and larger images would not improve it. */
const MAX_SIDE_PIXELS = 100

/**
 * Returns the placeholder that is shown while an image loads: its ThumbHash
 * (https://evanw.github.io/thumbhash/) in standard base64, with alpha. Fails with `undecodable`.
 */
export async function placeholderOf(image: RawImage): Promise<string | Failure> {
  const { width, height, channels } = image
  const pipeline = sharp(image.data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
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
