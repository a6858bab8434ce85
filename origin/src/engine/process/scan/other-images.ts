/**
 * Reads the images of an AVIF or a HEIC other than the primary one, and the other entries of an icon.
 * Browsers differ in which of several images they show, and viewers show all images of a collection.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { isHeif } from '../../../media/kinds.ts'
import type { MediaLimits } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import { readHeif, withPrimary } from '../formats/heif/heif-items.ts'
import { otherIcons } from '../formats/ico/ico.ts'
import type { DecodeStill } from '../image/decode.ts'
import { type ImageInfo, readInfo, validateInfo } from '../image/inspect.ts'
import type { RawImage } from '../pixels/raw-image.ts'

/** The largest number of other images that are scanned. */
const MAX_OTHERS = 16

export interface OtherImage {
  /** Its size in pixels. Undefined when it is about that of the primary image. */
  readonly size?: Size
  /** Returns a copy of the file in which it is the shown image. */
  readonly asFile: () => Uint8Array
}

/** Returns the other images. Alternatives to the primary one, and large icons, come first. */
export function otherImages(bytes: Uint8Array, { format }: ImageInfo): readonly OtherImage[] {
  if (format === 'ico')
    return otherIcons(bytes)
      .slice(0, MAX_OTHERS)
      .map(({ size, alone }) => ({ size, asFile: alone }))
  const others = isHeif(format) ? readHeif(bytes)?.others : undefined
  return (others ?? []).slice(0, MAX_OTHERS).map(({ id }) => ({ asFile: () => withPrimary(bytes, id) }))
}

/** Decodes the other images, and skips those that do not decode. Fails with `too-large-dimensions`. */
export async function readOthers(
  bytes: Uint8Array,
  primary: ImageInfo,
  limits: MediaLimits,
  decode: DecodeStill,
): Promise<readonly RawImage[] | Failure> {
  const images: RawImage[] = []
  for (const { asFile } of otherImages(bytes, primary)) {
    const file = asFile()
    const info = await readInfo(file, primary.format)
    if (isFailure(info)) continue
    const rejected = validateInfo(info, { limits, animated: false })
    if (rejected !== undefined) return rejected
    const image = await decode(file, info)
    if (!isFailure(image)) images.push(image)
  }
  return images
}
