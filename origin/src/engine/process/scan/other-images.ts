/**
 * Reads the images of an AVIF or a HEIC other than the primary one. Browsers differ in which of several
 * images they show, and viewers show all images of a collection.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { MediaLimits } from '../../../media/limits.ts'
import { readHeif, withPrimary } from '../formats/heif/heif-items.ts'
import type { DecodeStill } from '../image/decode.ts'
import { type ImageInfo, readInfo, validateInfo } from '../image/inspect.ts'
import type { RawImage } from '../pixels/raw-image.ts'

/** The largest number of other images that are scanned. */
const MAX_OTHERS = 16

/** Returns the item IDs of the other images; alternatives to the primary one come first. */
export function otherImages(bytes: Uint8Array): readonly number[] {
  const others = readHeif(bytes)?.others ?? []
  return others.slice(0, MAX_OTHERS).map(({ id }) => id)
}

/** Decodes the other images, and skips those that do not decode. Fails with `too-large-dimensions`. */
export async function readOthers(
  bytes: Uint8Array,
  { format }: ImageInfo,
  limits: MediaLimits,
  decode: DecodeStill,
): Promise<readonly RawImage[] | Failure> {
  const images: RawImage[] = []
  for (const id of otherImages(bytes)) {
    const file = withPrimary(bytes, id)
    const info = await readInfo(file, format)
    if (isFailure(info)) continue
    const rejected = validateInfo(info, { limits, animated: false })
    if (rejected !== undefined) return rejected
    const image = await decode(file, info)
    if (!isFailure(image)) images.push(image)
  }
  return images
}
