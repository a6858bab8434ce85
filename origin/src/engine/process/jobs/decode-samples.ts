/** Decodes files with Sharp to raw samples, for conversions that are done outside Sharp. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { codePointsOfPng } from '../formats/png/png-colours.ts'
import { type ImageInfo, readHeader } from '../image/inspect.ts'
import { openFile } from '../image/open-file.ts'
import type { ProfiledImage } from '../image/to-srgb.ts'
import type { DecodedStill } from '../libav/still.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'

/**
 * Decodes the samples of a PNG without colour conversion, together with the code points that define their
 * colours. Fails with `undecodable`.
 */
export async function decodePngSamples(bytes: Uint8Array, info: ImageInfo): Promise<DecodedStill | Failure> {
  const colours = codePointsOfPng(bytes)
  if (colours === undefined) return fail('undecodable', 'no code points')
  const samples = await decodeSamples(bytes, info)
  return isFailure(samples) ? samples : { ...samples, isGrey: false, icc: undefined, colours }
}

/**
 * Decodes the samples of grey without colour conversion, together with the profile that defines them. Fails
 * with `undecodable`.
 */
export async function decodeGreySamples(
  bytes: Uint8Array,
  info: ImageInfo,
): Promise<ProfiledImage | Failure> {
  const header = await readHeader(bytes)
  if (isFailure(header)) return header
  const samples = await decodeSamples(bytes, info)
  return isFailure(samples) ? samples : { ...samples, isGrey: true, icc: header.icc }
}

type Samples = Pick<ProfiledImage, 'data' | 'width' | 'height' | 'channels' | 'bitsPerSample'>

/** Decodes RGB samples of 8 or 16 bits. Their profile is not applied. */
async function decodeSamples(bytes: Uint8Array, info: ImageInfo): Promise<Samples | Failure> {
  const deep = info.bytesPerSample === 2
  try {
    const { data, info: decoded } = await openFile(bytes, info, { ignoreIcc: true })
      .toColourspace(deep ? 'rgb16' : 'srgb')
      .raw({ depth: deep ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height, channels } = decoded
    if (channels !== 3 && channels !== 4) return fail('undecodable', `${channels} channels`)
    return { data, width, height, channels, bitsPerSample: deep ? 16 : 8 }
  } catch (error) {
    return decodingFailure(error)
  }
}
