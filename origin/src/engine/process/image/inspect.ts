import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Metadata } from 'sharp'
import { isHeif, type SourceImageFormat } from '../../../media/kinds.ts'
import { type MediaLimits, validateDeclaredSize } from '../../../media/limits.ts'
import type { Size } from '../../../media/size.ts'
import { hasDeepProfile, hasUselessProfile } from '../colours/deep-profile.ts'
import { isProfileOf, spaceOfProfile } from '../colours/icc-header.ts'
import { bmpSize } from '../formats/bmp/bmp-header.ts'
import { isBeyondSharp } from '../formats/heif/avif-colours.ts'
import { codedItem, readHeif, shownItem } from '../formats/heif/heif-items.ts'
import { isDeepHevc, sizeOfItem } from '../formats/heif/heif-properties.ts'
import { type ImageSequence, readSequence } from '../formats/heif/sequence.ts'
import { withStillBrand } from '../formats/heif/still-brand.ts'
import { icoSize } from '../formats/ico/ico.ts'
import { jxlSize } from '../formats/jxl-header.ts'
import { countApngFrames, hidesDefaultImage } from '../formats/png/apng.ts'
import { type PlainPng, readPlainPng } from '../formats/png/plain-png.ts'
import { isHdrPng } from '../formats/png/png-colours.ts'
import { TOLERANT_OPTIONS } from '../formats/repair.ts'
import { svgSize } from '../formats/svg/svg-root.ts'
import { declaresAlpha, isUnsubsampledYcc } from '../formats/tiff/tiff-samples.ts'
import { isLosslessWebp } from '../formats/webp/webp-lossless.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import { isSrgbProfile } from './srgb-profile.ts'
import { toSrgb } from './to-srgb.ts'

/** The metadata of an image's header. */
export interface ImageInfo {
  readonly format: SourceImageFormat
  /** The size of one frame in pixels, after EXIF orientation. */
  readonly width: number
  readonly height: number
  readonly frames: number
  /** The EXIF orientation; 1 when nothing has to be rotated or mirrored. */
  readonly orientation: number
  readonly hasAlpha: boolean
  readonly palette: boolean
  /** Whether the source's codec is lossless. */
  readonly lossless: boolean
  /**
   * Whether it has more than 8 bits per channel and a colour profile, which takes an extra conversion step.
   */
  readonly deepProfile: boolean
  /** Whether it has a colour profile that changes its colours. */
  readonly hasProfile?: true
  /** Whether it has more than 8 bits per channel and a profile that has to be ignored. */
  readonly uselessProfile?: true
  /** Whether it is sRGB or grey, which browsers display correctly without a profile. */
  readonly plainColours: boolean
  /** Whether it is coded in several passes over the whole image (progressive, interlaced). */
  readonly interlaced: boolean
  readonly bands: number
  readonly bytesPerSample: number
  /**
   * The decoder to use instead of Sharp, although Sharp decodes other files of this format. `sequence`: its
   * still is the first frame of an image sequence. `colours`: Sharp would decode it in wrong colours. `cmyk`:
   * CMYK without a profile. `grey`: grey with a profile that Sharp does not apply. `ycbcr`: YCbCr in a TIFF.
   * `extras`: a TIFF with samples behind its colours and alpha.
   */
  readonly ownDecoder?: 'sequence' | 'colours' | 'cmyk' | 'grey' | 'ycbcr' | 'extras'
  /** Animated PNG only: whether the default image, which Sharp decodes, is not one of its frames. */
  readonly hidesDefault?: true
  /**
   * PNG, also in an icon: whether its compressed data is checked and repaired before it is decoded. This is
   * done only after the decoder has found an error.
   */
  readonly checksData?: true
  /** The exact size of a drawing before rounding. Undefined for images with pixels. */
  readonly drawing?: Size
}

interface ValidationOptions {
  readonly limits: MediaLimits
  /** Whether all frames are decoded and kept, or only some are analysed. */
  readonly animated: boolean
}

/** Reads the header of an image, before anything is decoded. Fails with `undecodable`. */
export async function readInfo(bytes: Uint8Array, format: SourceImageFormat): Promise<ImageInfo | Failure> {
  if (format === 'bmp' || format === 'ico' || format === 'jxl') return plainInfo(bytes, format)
  if (format === 'svg') return drawingInfo(bytes)
  const plain = format === 'png' ? readPlainPng(bytes) : undefined
  if (plain !== undefined) return plainPngInfo(plain)
  const metadata = await readHeader(bytes)
  if (isFailure(metadata)) return unopenedInfo(bytes, format) ?? metadata
  const info = infoOf(metadata, format, bytes)
  if (await hasUnappliedGreyProfile(metadata)) return { ...info, ownDecoder: 'grey' }
  return (await hasEffectiveProfile(metadata)) ? { ...info, hasProfile: true } : info
}

/** Validates a header. Returns `too-large-dimensions`, `too-many-frames` or undefined. */
export function validateInfo(info: ImageInfo, { limits, animated }: ValidationOptions): Failure | undefined {
  return validateDeclaredSize({ ...info, decodedFrames: animated ? info.frames : 1 }, limits)
}

function plainPngInfo(header: PlainPng): ImageInfo {
  return {
    ...header,
    format: 'png',
    frames: 1,
    orientation: 1,
    lossless: true,
    deepProfile: false,
    plainColours: true,
    bytesPerSample: 1,
  }
}

const PLAIN_SIZES = { bmp: bmpSize, ico: icoSize, jxl: jxlSize } as const

function plainInfo(bytes: Uint8Array, format: keyof typeof PLAIN_SIZES): ImageInfo | Failure {
  const size = PLAIN_SIZES[format](bytes)
  if (size === undefined) return fail('undecodable', `no header of ${format}`)
  return {
    format,
    ...size,
    frames: 1,
    orientation: 1,
    palette: false,
    interlaced: false,
    // Known only once the image is decoded.
    hasAlpha: false,
    plainColours: false,
    deepProfile: false,
    lossless: format !== 'jxl',
    // The most that the decoder produces.
    bands: 4,
    bytesPerSample: format === 'jxl' ? 2 : 1,
  }
}

/** Returns the header of a HEIF that libheif does not open. */
function unopenedInfo(bytes: Uint8Array, format: SourceImageFormat): ImageInfo | undefined {
  const sequence = isHeif(format) ? readSequence(bytes) : undefined
  const moving = sequence && sequenceInfo(sequence, format)
  return sequence?.isPlayed ? (moving ?? heicInfo(bytes, format)) : (heicInfo(bytes, format) ?? moving)
}

/** Returns the header of an image sequence without a still image, or with one that libheif does not open. */
function sequenceInfo(sequence: ImageSequence, format: SourceImageFormat): ImageInfo | undefined {
  const { size, frames, hasAlpha } = sequence
  if (frames === 0) return undefined
  if (size.width === 0 || size.height === 0) return undefined
  return {
    format,
    ...size,
    hasAlpha,
    orientation: 1,
    palette: false,
    interlaced: false,
    frames,
    plainColours: false,
    deepProfile: false,
    lossless: false,
    bands: 4,
    bytesPerSample: 2,
    ownDecoder: 'sequence',
  }
}

/**
 * Returns the header of a HEIC that libheif does not open. It reads at most 256 items, and a photo of 108
 * megapixels has more tiles.
 */
function heicInfo(bytes: Uint8Array, format: SourceImageFormat): ImageInfo | undefined {
  const file = format === 'heic' ? readHeif(bytes) : undefined
  if (file === undefined) return undefined
  const shown = shownItem(file)
  const size = sizeOfItem(shown)
  if (size === undefined || size.width === 0 || size.height === 0) return undefined
  const hasAlpha = (file.alphaOf(file.primary) ?? file.alphaOf(shown)) !== undefined
  return {
    format,
    ...size,
    hasAlpha,
    frames: 1,
    orientation: 1,
    palette: false,
    interlaced: false,
    plainColours: false,
    deepProfile: false,
    lossless: false,
    bands: hasAlpha ? 4 : 3,
    bytesPerSample: isDeepHevc(codedItem(file, shown)) ? 2 : 1,
  }
}

/**
 * Reads the header of a drawing. The drawing is not parsed completely for its size, because applying its
 * styles costs as much as rendering it.
 */
function drawingInfo(bytes: Uint8Array): ImageInfo | Failure {
  const drawing = svgSize(bytes)
  if (drawing === undefined) return fail('undecodable', 'no size of a drawing')
  return {
    format: 'svg',
    drawing,
    frames: 1,
    orientation: 1,
    palette: false,
    interlaced: false,
    width: Math.max(1, Math.round(drawing.width)),
    height: Math.max(1, Math.round(drawing.height)),
    hasAlpha: true,
    plainColours: true,
    deepProfile: false,
    lossless: true,
    bands: 4,
    bytesPerSample: 1,
  }
}

/** Reads the header, even if the rest of the file is broken. Fails with `undecodable`. */
export async function readHeader(bytes: Uint8Array): Promise<Metadata | Failure> {
  try {
    return await sharp(withStillBrand(bytes), { ...UNLIMITED_PIXELS, ...TOLERANT_OPTIONS }).metadata()
  } catch (error) {
    return decodingFailure(error)
  }
}

const LOSSLESS_FORMATS: ReadonlySet<SourceImageFormat> = new Set(['png', 'gif', 'tiff', 'svg'])
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

function infoOf(metadata: Metadata, format: SourceImageFormat, bytes: Uint8Array): ImageInfo {
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
    // The canvas of an animated PNG has alpha, even if its frames do not.
    bands: hidesDefault || (format === 'png' && frames > 1) ? 4 : metadata.channels,
    bytesPerSample: BYTES_PER_SAMPLE[metadata.depth] ?? 8,
    ...(hidesDefault ? { hidesDefault } : {}),
    ...(!hidesDefault && hasOtherColours(bytes, format) ? { ownDecoder: 'colours' } : {}),
    ...(isCmykWithoutProfile(metadata) ? { ownDecoder: 'cmyk' } : {}),
    ...(format === 'tiff' && isUnsubsampledYcc(bytes) ? { ownDecoder: 'ycbcr' } : {}),
    ...(format === 'tiff' && hasExtraSamples(metadata)
      ? { ownDecoder: 'extras', hasAlpha: declaresAlpha(bytes) }
      : {}),
  }
}

/** The numbers of samples of a colour, with alpha, by the colour space. */
const MAX_SAMPLES: Readonly<Record<string, number>> = { 'b-w': 2, grey16: 2, srgb: 4, rgb16: 4 }

function hasExtraSamples({ space, channels }: Metadata): boolean {
  return channels > (MAX_SAMPLES[space] ?? channels)
}

/**
 * Whether it is grey with a profile that Sharp does not apply: any profile at 16 bits, and an RGB profile at
 * 8 bits. Grey in sRGB is common, and needs no profile. A grey PNG with a profile is converted before this
 * (`withDeclaredProfile`).
 */
async function hasUnappliedGreyProfile({ space, icc }: Metadata): Promise<boolean> {
  if (space === 'grey16') return isProfileOf(icc, space)
  return space === 'b-w' && spaceOfProfile(icc) === 'RGB ' && (await changesGreys(icc))
}

async function hasEffectiveProfile({ icc, depth }: Metadata): Promise<boolean> {
  if (icc === undefined) return false
  return depth !== 'uchar' || !(await isSrgbProfile(icc))
}

const LEVELS = 256

/** Whether a profile shows any level of grey visibly different from sRGB. */
async function changesGreys(icc: Buffer | undefined): Promise<boolean> {
  const data = Uint8Array.from({ length: LEVELS * 3 }, (_, at) => Math.floor(at / 3))
  const greys = { data, width: LEVELS, height: 1, channels: 3, bitsPerSample: 8, isGrey: true } as const
  const shown = await toSrgb({ ...greys, icc })
  return !isFailure(shown) && shown.data.some((level, at) => Math.abs(level - Math.floor(at / 3)) > 1)
}

/** Whether it is CMYK without a matching profile. */
function isCmykWithoutProfile({ space, icc }: Metadata): boolean {
  return space === 'cmyk' && !isProfileOf(icc, space)
}

function hasOtherColours(bytes: Uint8Array, format: SourceImageFormat): boolean {
  return (format === 'avif' && isBeyondSharp(bytes)) || (format === 'png' && isHdrPng(bytes))
}

/**
 * Counts the frames. libheif reports the images of a collection as pages, and TIFF has pages too; neither are
 * frames.
 */
function countFrames(metadata: Metadata, format: SourceImageFormat, bytes: Uint8Array): number {
  if (format === 'gif' || format === 'webp') return metadata.pages ?? 1
  if (isHeif(format)) {
    const sequence = readSequence(bytes)
    return sequence?.isPlayed ? Math.max(1, sequence.frames) : 1
  }
  return format === 'png' ? countApngFrames(bytes) : 1
}
