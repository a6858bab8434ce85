import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { hasDeepProfile, toScreen } from '../colours/deep-profile.ts'
import { spaceOfProfile } from '../colours/icc-header.ts'
import { rgbProfileOfGrey } from '../colours/icc-profile.ts'
import { wrapInTiff } from '../formats/tiff/tiff-wrap.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'

/** Pixels in the colours of their file. */
export interface ProfiledPicture {
  /** RGB or RGBA, row after row; two bytes a sample, the lower one first, where there are 16 bits. */
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3 | 4
  readonly bitsPerSample: 8 | 16
  readonly icc: Buffer | undefined
  /** Its three colours are one lightness. */
  readonly isGrey: boolean
}

/** Converts pixels from their profile to 8-bit sRGB; without one that is theirs they are sRGB. Fails with `undecodable`. */
export async function toSrgb(picture: ProfiledPicture): Promise<RawPicture | Failure> {
  const { data, bitsPerSample, width, height, channels } = picture
  const icc = rgbProfileOf(picture)
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
    return fail('undecodable', error instanceof Error ? error.message : String(error))
  }
}

function rgbProfileOf({ icc, isGrey }: ProfiledPicture): Uint8Array | undefined {
  const space = spaceOfProfile(icc)
  if (space === 'RGB ' || icc === undefined) return icc
  return space === 'GRAY' && isGrey ? rgbProfileOfGrey(icc) : undefined
}

/** The nearest 8-bit level but for half a step, which nobody sees. */
function upperBytes(samples: Uint8Array): Uint8Array {
  const upper = new Uint8Array(samples.length / 2)
  for (let at = 0; at < upper.length; at += 1) upper[at] = samples[2 * at + 1] ?? 0
  return upper
}
