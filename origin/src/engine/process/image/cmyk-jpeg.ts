/**
 * Decodes CMYK JPEGs without a profile as browsers display them: each ink darkens the paper independently.
 * libvips would assume a press profile, in which cyan is a dull blue.
 */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { ImageInfo } from './inspect.ts'
import { openFile } from './open-file.ts'

const INKS = 4
const FULL = 255

/** Decodes the image at its full size. Fails with `undecodable`. */
export async function decodeCmykJpeg(bytes: Uint8Array, info: ImageInfo): Promise<RawImage | Failure> {
  try {
    const { data, info: decoded } = await openFile(bytes, info, { ignoreIcc: true })
      .pipelineColourspace('cmyk')
      .toColourspace('cmyk')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height } = decoded
    return { data: convertCmykToRgb(data), width, height, channels: 3 }
  } catch (error) {
    return decodingFailure(error)
  }
}

/** Converts CMYK to RGB in place: the light that the paper reflects through an ink and through black. */
function convertCmykToRgb(inks: Uint8Array): Uint8Array {
  let to = 0
  for (let from = 0; from + INKS <= inks.length; from += INKS, to += 3) {
    const paper = FULL - (inks[from + 3] ?? 0)
    for (let ink = 0; ink < 3; ink += 1) inks[to + ink] = product(FULL - (inks[from + ink] ?? 0), paper)
  }
  return inks.subarray(0, to)
}

/** Multiplies two fractions of 255, rounded without a division. */
function product(one: number, other: number): number {
  const scaled = one * other + 128
  return (scaled + (scaled >> 8)) >> 8
}
