import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Metadata } from 'sharp'
import type { ImageFormat as SourceFormat } from '../../../media/kinds.ts'
import { type MediaLimits, validateDeclaredSize } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import { hasDeepProfile, hasUselessProfile } from '../colours/deep-profile.ts'
import { isProfileOf } from '../colours/icc-header.ts'
import { bmpSize } from '../formats/bmp/bmp.ts'
import { isBeyondSharp } from '../formats/heif/avif-colours.ts'
import { readSequence } from '../formats/heif/sequence.ts'
import { underStillBrand } from '../formats/heif/still-brand.ts'
import { jxlSize } from '../formats/jxl-header.ts'
import { AS_FAR_AS_IT_GOES } from '../formats/mend.ts'
import { countApngFrames, hidesDefaultImage } from '../formats/png/apng.ts'
import { isHdrPng } from '../formats/png/png-colours.ts'
import { svgSize } from '../formats/svg/svg-root.ts'
import { isOfBareLuma } from '../formats/tiff/tiff-samples.ts'
import { isLosslessWebp } from '../formats/webp/webp-lossless.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'

/** What the header of an image tells. */
export interface ImageInfo {
  readonly format: SourceFormat
  /** Pixels of one frame after EXIF orientation. */
  readonly width: number
  readonly height: number
  readonly frames: number
  /** EXIF orientation, 1 where nothing has to be turned. */
  readonly orientation: number
  readonly hasAlpha: boolean
  readonly palette: boolean
  /** The source's codec kept every pixel exactly. */
  readonly lossless: boolean
  /** More than 8 bits with a colour profile, which takes a step of its own. */
  readonly deepProfile: boolean
  /** More than 8 bits with a profile that has to be passed over. */
  readonly uselessProfile?: true
  /** sRGB or grey, which browsers show right without a profile. */
  readonly plainColours: boolean
  /** Coded in several passes over the whole picture. */
  readonly interlaced: boolean
  readonly bands: number
  readonly bytesPerSample: number
  /**
   * It is not Sharp that decodes it, though it does others of its format: its still is the first frame of a sequence, or it
   * would come in wrong colours, or it is of inks without a profile that says what they look like, of more
   * than 8 bits of grey with a profile, or of luma in a TIFF.
   */
  readonly ownDecoder?: 'sequence' | 'colours' | 'inks' | 'grey' | 'luma'
  /** Of an animated PNG: what Sharp decodes is none of its frames. */
  readonly hidesDefault?: true
  /** Of a drawing, which has no pixels of its own: its size before it is rounded. */
  readonly drawing?: Size
}

export interface InspectOptions {
  readonly limits: MediaLimits
  /** All frames will be decoded and kept, or only some are looked at. */
  readonly animated: boolean
}

/**
 * Reads the header of an image and checks it before anything is decoded. Fails with `undecodable` or
 * `too-large-dimensions` or `too-many-frames`.
 */
export async function inspectImage(
  bytes: Uint8Array,
  format: SourceFormat,
  { limits, animated }: InspectOptions,
): Promise<ImageInfo | Failure> {
  const info = await readInfo(bytes, format)
  return isFailure(info) ? info : (validateInfo(info, { limits, animated }) ?? info)
}

/** Reads the header of an image without judging it. Fails with `undecodable`. */
export async function readInfo(bytes: Uint8Array, format: SourceFormat): Promise<ImageInfo | Failure> {
  if (format === 'bmp' || format === 'jxl') return plainInfo(bytes, format)
  if (format === 'svg') return drawingInfo(bytes)
  const metadata = await readHeader(bytes)
  if (isFailure(metadata)) return sequenceInfo(bytes, format) ?? metadata
  return infoOf(metadata, format, bytes)
}

/** Checks what a header declares. Gives `too-large-dimensions`, `too-many-frames` or nothing. */
export function validateInfo(info: ImageInfo, { limits, animated }: InspectOptions): Failure | undefined {
  return validateDeclaredSize({ ...info, decodedFrames: animated ? info.frames : 1 }, limits)
}

function plainInfo(bytes: Uint8Array, format: 'bmp' | 'jxl'): ImageInfo | Failure {
  const size = format === 'bmp' ? bmpSize(bytes) : jxlSize(bytes)
  if (size === undefined) return fail('undecodable', `no header of ${format}`)
  return {
    ...{ format, ...size, frames: 1, orientation: 1, palette: false, interlaced: false },
    // Told by the decoded picture.
    hasAlpha: false,
    plainColours: false,
    deepProfile: false,
    lossless: format === 'bmp',
    // What the decoder makes at the most.
    bands: 4,
    bytesPerSample: format === 'bmp' ? 1 : 2,
  }
}

/** Of a sequence that has no still beside it, or none that libheif opens. */
function sequenceInfo(bytes: Uint8Array, format: SourceFormat): ImageInfo | undefined {
  const sequence = format === 'avif' || format === 'heic' ? readSequence(bytes) : undefined
  if (sequence === undefined || sequence.frames === 0) return undefined
  const { size, frames, hasAlpha } = sequence
  if (size.width === 0 || size.height === 0) return undefined
  return {
    ...{ format, ...size, hasAlpha, orientation: 1, palette: false, interlaced: false },
    frames: format === 'avif' ? frames : 1,
    ...{ plainColours: false, deepProfile: false, lossless: false, bands: 4, bytesPerSample: 2 },
    ownDecoder: 'sequence',
  }
}

/** A drawing is not parsed for its size: styling it is as dear as drawing it. */
function drawingInfo(bytes: Uint8Array): ImageInfo | Failure {
  const drawing = svgSize(bytes)
  if (drawing === undefined) return fail('undecodable', 'no size of a drawing')
  return {
    ...{ format: 'svg', drawing, frames: 1, orientation: 1, palette: false, interlaced: false },
    width: Math.max(1, Math.round(drawing.width)),
    height: Math.max(1, Math.round(drawing.height)),
    ...{ hasAlpha: true, plainColours: true, deepProfile: false, lossless: true },
    ...{ bands: 4, bytesPerSample: 1 },
  }
}

/** The header as it stands, whatever is broken behind it. Fails with `undecodable`. */
export async function readHeader(bytes: Uint8Array): Promise<Metadata | Failure> {
  try {
    return await sharp(underStillBrand(bytes), { ...UNLIMITED_PIXELS, ...AS_FAR_AS_IT_GOES }).metadata()
  } catch (error) {
    return fail('undecodable', error instanceof Error ? error.message : String(error))
  }
}

const LOSSLESS_FORMATS: ReadonlySet<SourceFormat> = new Set(['png', 'gif', 'tiff', 'svg'])
const BYTES_PER_SAMPLE: Readonly<Record<string, number>> = {
  uchar: 1,
  char: 1,
  ushort: 2,
  short: 2,
  uint: 4,
  int: 4,
  float: 4,
  complex: 8,
  double: 8,
  dpcomplex: 16,
}

function infoOf(metadata: Metadata, format: SourceFormat, bytes: Uint8Array): ImageInfo {
  const frames = countFrames(metadata, format, bytes)
  const hidesDefault = format === 'png' && hidesDefaultImage(bytes)
  const { width, height } = metadata.autoOrient
  return {
    format,
    width,
    height,
    frames,
    orientation: metadata.orientation ?? 1,
    hasAlpha: metadata.hasAlpha,
    palette: metadata.isPalette,
    lossless: LOSSLESS_FORMATS.has(format) || (format === 'webp' && isLosslessWebp(bytes)),
    deepProfile: hasDeepProfile(metadata),
    ...(hasUselessProfile(metadata) ? { uselessProfile: true } : {}),
    plainColours: metadata.space === 'srgb' || metadata.space === 'b-w',
    interlaced: metadata.isProgressive,
    // The canvas of an animated PNG has alpha, whatever its frames have.
    bands: hidesDefault || (format === 'png' && frames > 1) ? 4 : metadata.channels,
    bytesPerSample: BYTES_PER_SAMPLE[metadata.depth] ?? 8,
    ...(hidesDefault ? { hidesDefault } : {}),
    ...(!hidesDefault && hasOtherColours(bytes, format) ? { ownDecoder: 'colours' } : {}),
    ...(isOfBareInks(metadata) ? { ownDecoder: 'inks' } : {}),
    ...(isDeepGrey(metadata) ? { ownDecoder: 'grey' } : {}),
    ...(format === 'tiff' && isOfBareLuma(bytes) ? { ownDecoder: 'luma' } : {}),
  }
}

/** Sharp converts grey by a profile where it has 8 bits alone. A PNG comes with no more. */
function isDeepGrey({ space, icc }: Metadata): boolean {
  return space === 'grey16' && isProfileOf(icc, space)
}

/** Of inks, without a profile that says what they look like. */
function isOfBareInks({ space, icc }: Metadata): boolean {
  return space === 'cmyk' && !isProfileOf(icc, space)
}

function hasOtherColours(bytes: Uint8Array, format: SourceFormat): boolean {
  return (format === 'avif' && isBeyondSharp(bytes)) || (format === 'png' && isHdrPng(bytes))
}

/** libheif counts the images of a collection as pages, and TIFF its pages: neither are frames. */
function countFrames(metadata: Metadata, format: SourceFormat, bytes: Uint8Array): number {
  if (format === 'gif' || format === 'webp') return metadata.pages ?? 1
  if (format === 'avif') return Math.max(1, readSequence(bytes)?.frames ?? 1)
  return format === 'png' ? countApngFrames(bytes) : 1
}
