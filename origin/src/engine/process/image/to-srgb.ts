import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { hasDeepProfile, toScreen } from '../colours/deep-profile.ts'
import { spaceOfProfile } from '../colours/icc-header.ts'
import { rgbProfileOfGrey } from '../colours/icc-profile.ts'
import { wrapInTiff } from '../formats/tiff/tiff-wrap.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'

/** Pixels in the colour space of their file. */
export interface ProfiledImage {
  /** RGB or RGBA, row by row. 16-bit samples take two bytes, little-endian. */
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3 | 4
  readonly bitsPerSample: 8 | 16
  readonly icc: Buffer | undefined
  /** Whether its three colour channels are the same lightness. */
  readonly isGrey: boolean
}

/**
 * Converts pixels from their profile to 8-bit sRGB. Without a matching profile they are taken as sRGB. Fails
 * with `undecodable`.
 */
export async function toSrgb(image: ProfiledImage): Promise<RawImage | Failure> {
  const { data, bitsPerSample, width, height, channels } = image
  const icc = rgbProfileOf(image)
  if (icc === undefined)
    return { data: bitsPerSample === 16 ? upperBytes(data) : data, width, height, channels }
  try {
    const tiff = wrapInTiff({ data, width, height, channels }, icc, bitsPerSample)
    const opened = sharp(tiff, UNLIMITED_PIXELS)
    const deepProfile = bitsPerSample === 16 && hasDeepProfile(await opened.metadata())
    const converted = await toScreen(opened, { deepProfile })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer()
    return { data: converted, width, height, channels }
  } catch (error) {
    return decodingFailure(error)
  }
}

function rgbProfileOf({ icc, isGrey }: ProfiledImage): Uint8Array | undefined {
  const space = spaceOfProfile(icc)
  if (space === 'RGB ' || icc === undefined) return icc
  return space === 'GRAY' && isGrey ? rgbProfileOfGrey(icc) : undefined
}

/**
 * Returns the upper byte of each 16-bit sample. It is the nearest 8-bit level to within half a step, which is
 * invisible.
 */
function upperBytes(samples: Uint8Array): Uint8Array {
  const upper = new Uint8Array(samples.length / 2)
  for (let at = 0; at < upper.length; at += 1) upper[at] = samples[2 * at + 1] ?? 0
  return upper
}
