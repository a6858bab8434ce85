/**
 * Decodes YCbCr TIFFs whose chroma is not subsampled and that are not JPEG-compressed, as Pillow and some
 * scanners write them. libvips would read the three channels as red, green and blue.
 */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { ImageInfo } from './inspect.ts'
import { openFile } from './open-file.ts'

/** Decodes the image at its full size. Fails with `undecodable`. */
export async function decodeYcbcrTiff(bytes: Uint8Array, info: ImageInfo): Promise<RawImage | Failure> {
  try {
    const { data, info: decoded } = await openFile(bytes, info, { ignoreIcc: true })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height, channels } = decoded
    if (channels !== 3 && channels !== 4) return decodingFailure(new Error(`${channels} channels of luma`))
    convertYcbcrToRgb(data, channels)
    return { data, width, height, channels }
  } catch (error) {
    return decodingFailure(error)
  }
}

const ZERO = 128

/** Converts YCbCr to RGB in place, with the usual weights of red, green and blue (TIFF 6.0, section 21). */
function convertYcbcrToRgb(samples: Uint8Array, channels: 3 | 4): void {
  const pixels = new Uint8ClampedArray(samples.buffer, samples.byteOffset, samples.length)
  for (let at = 0; at + channels <= pixels.length; at += channels) {
    const luma = pixels[at] ?? 0
    const [blue, red] = [(pixels[at + 1] ?? 0) - ZERO, (pixels[at + 2] ?? 0) - ZERO]
    pixels[at] = luma + 1.402 * red
    pixels[at + 1] = luma - 0.344136 * blue - 0.714136 * red
    pixels[at + 2] = luma + 1.772 * blue
  }
}
