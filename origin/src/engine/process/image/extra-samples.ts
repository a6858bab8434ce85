/**
 * Decodes TIFFs with more samples than those of colours and alpha, as Photoshop writes saved selections and
 * spot colours. libvips would treat one of them as alpha.
 */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { ImageInfo } from './inspect.ts'
import { openFile } from './open-file.ts'

/** Decodes the colours at their full size, and the alpha if there is one. Fails with `undecodable`. */
export async function decodeWithoutExtras(bytes: Uint8Array, info: ImageInfo): Promise<RawImage | Failure> {
  try {
    const { data, info: decoded } = await openFile(bytes, info, {})
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height } = decoded
    const channels = info.hasAlpha ? 4 : 3
    if (decoded.channels < channels) return decodingFailure(new Error(`${decoded.channels} channels`))
    return { data: withFirst(channels, data, decoded.channels), width, height, channels }
  } catch (error) {
    return decodingFailure(error)
  }
}

/** Returns the first channels of all pixels. Modifies the samples. */
function withFirst(kept: number, samples: Buffer, channels: number): Buffer {
  const pixels = samples.length / channels
  for (let pixel = 0; pixel < pixels; pixel += 1)
    samples.copyWithin(pixel * kept, pixel * channels, pixel * channels + kept)
  return samples.subarray(0, pixels * kept)
}
