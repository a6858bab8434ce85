/**
 * Decodes still images that Sharp does not decode, or not in their colours: HEIC by libav, or by libheif when
 * that fails; JPEG XL and some AVIF by libav; bitmaps and icons by this code.
 */

import { MAX_SIDE_PIXELS } from '@media-proxy/shared/request/parameters.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { declaredColours } from '../colours/declared-colours.ts'
import { decodeBmp } from '../formats/bmp/bmp.ts'
import { readSequence } from '../formats/heif/sequence.ts'
import { withStillBrand } from '../formats/heif/still-brand.ts'
import { shownIcon } from '../formats/ico/ico.ts'
import { decodeCmykJpeg } from '../image/cmyk-jpeg.ts'
import { type DecodeStill, decodeImage } from '../image/decode.ts'
import { decodeWithoutExtras } from '../image/extra-samples.ts'
import { decodeHeic } from '../image/heic.ts'
import type { ImageInfo } from '../image/inspect.ts'
import { openFile } from '../image/open-file.ts'
import { pixelsOf } from '../image/render-stages.ts'
import { toSrgb } from '../image/to-srgb.ts'
import { decodeYcbcrTiff } from '../image/ycbcr-tiff.ts'
import type { Libav } from '../libav/load.ts'
import type { DecodedStill } from '../libav/still.ts'
import { isSideways } from '../pixels/orient-pixels.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { memorySource } from '../source/media-source.ts'
import { playSequence } from '../video/play-sequence.ts'
import type { VideoTools } from '../video/video.ts'
import { decodeGreySamples, decodePngSamples } from './decode-samples.ts'
import { openImage } from './open-image.ts'

/**
 * Creates the decoder for files with a validated header. Fails with `undecodable`, or with `not-ready` when
 * no decoder of the format is available.
 */
export function createStillDecoder(tools: VideoTools): DecodeStill {
  return async (bytes, info) => {
    if (info.format === 'bmp') return decodeBmp(bytes)
    if (info.format === 'ico') return decodeIcon(tools, bytes, info)
    if (info.ownDecoder === 'cmyk') return decodeCmykJpeg(bytes, info)
    if (info.ownDecoder === 'ycbcr') return decodeYcbcrTiff(bytes, info)
    if (info.ownDecoder === 'extras') return decodeWithoutExtras(bytes, info)
    if (info.ownDecoder === 'grey') {
      const grey = await decodeGreySamples(bytes, info)
      return isFailure(grey) ? grey : toSrgb(grey)
    }
    if (info.ownDecoder === 'sequence') return firstOfSequence(tools, bytes, info)
    const libav = await tools.libav()
    if (info.ownDecoder === 'colours') return decodeColours(libav, bytes, info)
    const decoded = libav === undefined ? undefined : await decodeWithLibav(libav, bytes, info)
    if (info.format !== 'heic') return decoded ?? fail('not-ready', `there is no decoder for ${info.format}`)
    return decoded === undefined || isFailure(decoded) ? decodeHeic(bytes, info) : decoded
  }
}

/**
 * Decodes the shown entry of an icon. The EXIF orientation of a PNG in an icon is ignored, as in browsers.
 * Modifies parts of `bytes` that are not shown.
 */
async function decodeIcon(
  tools: VideoTools,
  bytes: Uint8Array,
  { width, height, checksData }: ImageInfo,
): Promise<RawImage | Failure> {
  const icon = shownIcon(bytes)
  if (icon === undefined) return fail('undecodable', 'no image in the icon')
  if (icon.format === 'bmp') return decodeBmp(icon.bytes, { inIcon: true })
  const opened = await openImage(memorySource(icon.bytes, undefined), {
    format: 'png',
    maxBytes: icon.bytes.length,
    checksData: checksData === true,
    // The size that was validated is that of the first chunk, which a decoder may not take for the header.
    validate(info) {
      const stored = isSideways(info.orientation) ? { width: info.height, height: info.width } : info
      if (stored.width === width && stored.height === height) return undefined
      return fail('undecodable', `a PNG of ${stored.width}x${stored.height} instead of ${width}x${height}`)
    },
  })
  if (isFailure(opened)) return opened
  if (!('info' in opened)) return fail('defect', 'an icon was deferred')
  const options = { frame: 0, maxSidePixels: MAX_SIDE_PIXELS }
  const upright = { ...opened.info, orientation: 1 }
  return decodeImage(opened.bytes, upright, options, createStillDecoder(tools))
}

/**
 * Decodes an image with libav in its own colours. Without libav, or when that fails, Sharp decodes it in the
 * colours that it supports.
 */
async function decodeColours(
  libav: Libav | undefined,
  bytes: Uint8Array,
  info: ImageInfo,
): Promise<RawImage | Failure> {
  const decoded = libav === undefined ? undefined : await decodeWithLibav(libav, bytes, info)
  if (decoded !== undefined && !isFailure(decoded)) return decoded
  return pixelsOf(openFile(bytes, info, {}))
}

async function firstOfSequence(
  tools: VideoTools,
  bytes: Uint8Array,
  info: ImageInfo,
): Promise<RawImage | Failure> {
  const sequence = readSequence(bytes)
  const played = sequence === undefined ? undefined : await playSequence(tools, sequence, info, 1)
  if (played === undefined || isFailure(played)) return played ?? fail('undecodable', 'no sequence')
  for await (const frame of played.frames) return frame
  return fail('undecodable', 'no frame')
}

async function decodeWithLibav(
  libav: Libav,
  bytes: Uint8Array,
  info: ImageInfo,
): Promise<RawImage | Failure> {
  const { width, height } = info
  const still = await decode(libav, bytes, info, width * height)
  if (isFailure(still)) return still
  if (still.width !== width || still.height !== height)
    return fail('undecodable', `decoded to ${still.width}x${still.height} instead of ${width}x${height}`)
  if (still.icc !== undefined) return toSrgb(still)
  const declared = declaredColours(still.colours, 'as sRGB')
  if (declared === 'hdr') {
    const { toneMapStill } = await import('../libav/tone-map.ts')
    return toneMapStill(libav, still)
  }
  return toSrgb(declared === 'srgb' ? still : { ...still, icc: declared.icc })
}

/**
 * The factor by which the coded pixels may exceed the displayed ones: cropped edges, and tiles that exceed
 * the image.
 */
const MARGIN = 2
const MIN_PIXELS = 1_000_000

async function decode(
  libav: Libav,
  bytes: Uint8Array,
  info: ImageInfo,
  pixels: number,
): Promise<DecodedStill | Failure> {
  const maxPixels = Math.max(MIN_PIXELS, pixels * MARGIN)
  const { format } = info
  switch (format) {
    case 'png':
      return decodePngSamples(bytes, info)
    case 'avif':
    case 'heic': {
      const { decodeHeifStill } = await import('../libav/heic.ts')
      return decodeHeifStill(libav, withStillBrand(bytes), maxPixels)
    }
    case 'jxl': {
      const { decodeJxl } = await import('../libav/still.ts')
      return decodeJxl(libav, bytes, maxPixels)
    }
    default:
      return fail('undecodable', `no decoder of ${format}`)
  }
}
