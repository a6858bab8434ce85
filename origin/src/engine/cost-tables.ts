/**
 * The costs of decoders and encoders, as measured by `pnpm bench cost`: bytes per pixel, and CPU seconds per
 * megapixel and per MiB. `cost.ts` predicts the cost of a job from these tables.
 */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { SourceImageFormat } from '../media/kinds.ts'

interface DecoderCost {
  /**
   * The bytes in memory per pixel of the source while it is decoded; 0 when rows are decoded as they are
   * needed.
   */
  readonly bytesPerPixel: number
  /** The part of them that is still held while the rendition is encoded. */
  readonly keptPerPixel: number
  /**
   * Whether the image is decoded at the wanted size or twice that size. Those are then the pixels in memory.
   */
  readonly shrinks?: true
  /** The cost before the first pixel. Default: none. */
  readonly startBytes?: number
  readonly startSeconds?: number
  readonly secondsPerMegapixel: number
  /** The decoding time per MiB of coded bytes: noise has several times as many as a photograph. */
  readonly secondsPerMib: number
}

interface EncoderCost {
  /** The bytes in memory per pixel of the rendition, including its coded bytes. */
  readonly bytesPerPixel: number
  /** The additional bytes per pixel with alpha. */
  readonly bytesPerAlpha: number
  /** The additional cost of the first megapixel, whose colours a histogram counts. Default: none. */
  readonly histogram?: { readonly bytesPerPixel: number; readonly secondsPerMegapixel: number }
  readonly secondsPerMegapixel: number
}

export const MIB = 1024 * 1024

/** The tables and tiles of the smallest job, and memory that a busy machine releases late. */
export const BASE_BYTES = 10 * MIB
export const BASE_SECONDS = 0.02
/** The memory that loading libav takes, before the first still that it renders. */
export const LIBAV_BYTES = 27 * MIB
/** The rows of the source that the pipeline holds between decoder and encoder. */
export const HELD_ROWS = 1400

/** The bytes per pixel of the canvas of an animated PNG. */
export const PLAYED_BYTES_PER_PIXEL = 20

export type DecoderName =
  | SourceImageFormat
  | 'jpeg by libav'
  | 'jpeg in passes'
  | 'heic by libav'
  | 'converted'
  | 'deep'
  | 'png in passes'
  | 'png played'
  | 'webp lossless'
  | 'svg with filters'

/**
 * Measured on images of 0.1 to 48 megapixels, smooth ones and noise, scaled to a width of 64 pixels, so that
 * decoding is nearly all of the cost. Each value is that of the most expensive image. Node 24.21, Sharp
 * 0.35.5 (libvips 8.18.7), libheif-js 1.23.2, two cores of a Xeon.
 */
export const DECODER_COSTS: Readonly<Record<DecoderName, DecoderCost>> = {
  jpeg: {
    bytesPerPixel: 0,
    keptPerPixel: 0,
    shrinks: true,
    secondsPerMegapixel: 0.008,
    secondsPerMib: 0.016,
  },
  // Its samples are held instead of rows. A photograph of 6 megapixels takes 0.025 seconds, and one in passes
  // twice as long.
  'jpeg by libav': { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.01, secondsPerMib: 0.03 },
  'jpeg in passes': { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.02, secondsPerMib: 0.04 },
  // Images of 8 bits whose colours are converted after decoding. CMYK: four bytes per pixel, copied once, and
  // converted to three. Grey with an RGB profile: three bytes per pixel, copied once, and converted.
  converted: { bytesPerPixel: 9, keptPerPixel: 4, secondsPerMegapixel: 0.05, secondsPerMib: 0.04 },
  // Grey of 16 bits with a profile, or HDR: at most eight bytes per pixel, copied twice, and converted to
  // four.
  deep: { bytesPerPixel: 28, keptPerPixel: 4, secondsPerMegapixel: 0.1, secondsPerMib: 0 },
  png: { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.02, secondsPerMib: 0.008 },
  'png in passes': { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.03, secondsPerMib: 0.008 },
  // The canvas, its previous state, a frame in display orientation, and Sharp's copy of it.
  'png played': {
    bytesPerPixel: PLAYED_BYTES_PER_PIXEL,
    keptPerPixel: 8,
    secondsPerMegapixel: 0.04,
    secondsPerMib: 0.008,
  },
  webp: { bytesPerPixel: 6, keptPerPixel: 6, shrinks: true, secondsPerMegapixel: 0.03, secondsPerMib: 0.06 },
  'webp lossless': { bytesPerPixel: 6, keptPerPixel: 6, secondsPerMegapixel: 0.03, secondsPerMib: 0.005 },
  gif: { bytesPerPixel: 6, keptPerPixel: 6, secondsPerMegapixel: 0.03, secondsPerMib: 0.003 },
  avif: { bytesPerPixel: 22, keptPerPixel: 4, secondsPerMegapixel: 0.12, secondsPerMib: 0.16 },
  // WebAssembly: a new instance for each image.
  heic: {
    bytesPerPixel: 19,
    keptPerPixel: 5,
    startBytes: 12 * MIB,
    startSeconds: 0.12,
    secondsPerMegapixel: 0.22,
    secondsPerMib: 0.1,
  },
  // Of 8 bits: the planes and the pixels, or the pixels, a copy with a profile, and the converted pixels.
  'heic by libav': {
    bytesPerPixel: 10.5,
    keptPerPixel: 5,
    startBytes: 40 * MIB,
    startSeconds: 0.2,
    secondsPerMegapixel: 0.1,
    secondsPerMib: 0.3,
  },
  tiff: { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.03, secondsPerMib: 0 },
  // Decoded by libav, then converted: at most two copies with 16 bits per channel.
  jxl: {
    bytesPerPixel: 28,
    keptPerPixel: 8,
    startBytes: 40 * MIB,
    startSeconds: 0.1,
    secondsPerMegapixel: 0.3,
    secondsPerMib: 0.3,
  },
  bmp: {
    bytesPerPixel: 12,
    keptPerPixel: 4,
    startBytes: 40 * MIB,
    startSeconds: 0.1,
    secondsPerMegapixel: 0.03,
    secondsPerMib: 0,
  },
  // A bitmap, or a PNG that may have 16 bits per channel. All its pixels are decoded before it is scaled.
  ico: { bytesPerPixel: 20, keptPerPixel: 4, secondsPerMegapixel: 0.1, secondsPerMib: 0.01 },
  svg: { bytesPerPixel: 0, keptPerPixel: 0, shrinks: true, secondsPerMegapixel: 0.08, secondsPerMib: 2 },
  'svg with filters': {
    bytesPerPixel: 30,
    keptPerPixel: 5,
    shrinks: true,
    secondsPerMegapixel: 1.3,
    secondsPerMib: 2,
  },
}

/**
 * The bytes in memory per byte of samples of an image that is coded in several passes. JPEG keeps two bytes
 * per coefficient. PNG keeps the pixels themselves.
 */
export const BYTES_BETWEEN_PASSES: Readonly<Partial<Record<SourceImageFormat, number>>> = { jpeg: 2, png: 1 }

/**
 * `fine` is a quality above 80. `blurred` is cheaper, because a blurred image has little detail to encode.
 */
export type EncoderName =
  | ImageFormat
  | `${'jpeg' | 'webp' | 'avif'} ${'fine' | 'blurred'}`
  | `${'webp' | 'avif'} lossless`
  | 'avif drawn'
  | 'avif moving'
  | 'png alpha'
  | 'png palette'
  | 'gif palette'
  | 'gif quick'

/** Measured on the same images, at full size. */
export const ENCODER_COSTS: Readonly<Record<EncoderName, EncoderCost>> = {
  jpeg: { bytesPerPixel: 9, bytesPerAlpha: 0, secondsPerMegapixel: 0.06 },
  'jpeg fine': { bytesPerPixel: 10.5, bytesPerAlpha: 0, secondsPerMegapixel: 0.09 },
  'jpeg blurred': { bytesPerPixel: 9, bytesPerAlpha: 0, secondsPerMegapixel: 0.03 },
  png: { bytesPerPixel: 5, bytesPerAlpha: 0, secondsPerMegapixel: 0.16 },
  'png alpha': { bytesPerPixel: 6, bytesPerAlpha: 0, secondsPerMegapixel: 0.22 },
  'png palette': { bytesPerPixel: 26, bytesPerAlpha: 0, secondsPerMegapixel: 0.5 },
  webp: { bytesPerPixel: 14, bytesPerAlpha: 12, secondsPerMegapixel: 0.22 },
  'webp fine': { bytesPerPixel: 30, bytesPerAlpha: 12, secondsPerMegapixel: 0.32 },
  'webp blurred': { bytesPerPixel: 10, bytesPerAlpha: 12, secondsPerMegapixel: 0.12 },
  'webp lossless': { bytesPerPixel: 46, bytesPerAlpha: 0, secondsPerMegapixel: 1 },
  avif: { bytesPerPixel: 42, bytesPerAlpha: 12, secondsPerMegapixel: 0.2 },
  'avif fine': { bytesPerPixel: 42, bytesPerAlpha: 12, secondsPerMegapixel: 0.3 },
  // A drawing, or an image with alpha. Which of them it is, is known only once it is decoded.
  'avif drawn': { bytesPerPixel: 42, bytesPerAlpha: 12, secondsPerMegapixel: 0.6 },
  // The colour planes, and as much again for alpha. All frames are held as pixels before the first is
  // written. Film and drawings take 0.1 to 0.2 seconds, and noise 0.42.
  'avif moving': { bytesPerPixel: 60, bytesPerAlpha: 12, secondsPerMegapixel: 0.45 },
  'avif blurred': { bytesPerPixel: 42, bytesPerAlpha: 12, secondsPerMegapixel: 0.13 },
  'avif lossless': { bytesPerPixel: 64, bytesPerAlpha: 12, secondsPerMegapixel: 0.6 },
  // A photograph takes 1 to 3 seconds. Noise of every colour takes 4 to 7.2, which the limit of twice the
  // predicted CPU time covers.
  gif: {
    bytesPerPixel: 52,
    bytesPerAlpha: 0,
    histogram: { bytesPerPixel: 26, secondsPerMegapixel: 0.8 },
    secondsPerMegapixel: 3.2,
  },
  // The palette is that of the source: 0.1 to 0.6 seconds, also for noise.
  'gif palette': { bytesPerPixel: 52, bytesPerAlpha: 0, secondsPerMegapixel: 0.7 },
  // A large GIF, or a long one. An animation takes 0.2 to 0.55 seconds, and noise 0.7.
  'gif quick': {
    bytesPerPixel: 52,
    bytesPerAlpha: 0,
    histogram: { bytesPerPixel: 26, secondsPerMegapixel: 0.8 },
    secondsPerMegapixel: 0.45,
  },
}

/** The number of pixels beyond which the histogram of a GIF's colours does not grow. */
export const HISTOGRAM_PIXELS = 1e6

/** The CPU seconds per frame, whatever its size. For GIF this is the choice of the palette. */
export const SECONDS_PER_FRAME: Readonly<Record<ImageFormat | 'gif quick', number>> = {
  jpeg: 0.002,
  png: 0.004,
  webp: 0.004,
  avif: 0.004,
  gif: 0.03,
  'gif quick': 0.003,
}

/**
 * The bytes per pixel of all frames: as pixels, copied once, and coded; plus a twelfth for memory that is not
 * released at once.
 */
export const STRIP_BYTES_PER_PIXEL = 13
/** The bytes per pixel of all frames once they are coded. */
export const CODED_BYTES_PER_PIXEL = 3
/** A blur holds as many rows as its kernel is wide, and computes each pixel from them. */
export const BLUR_BYTES_PER_PIXEL = 3
export const BLUR_SECONDS_PER_MEGAPIXEL = 0.001
/** Sharpening converts to another colour space and back. */
export const SHARPEN_BYTES_PER_PIXEL = 3
export const SHARPEN_SECONDS_PER_MEGAPIXEL = 0.12
/** Trimming reads every pixel. */
export const TRIM_SECONDS_PER_MEGAPIXEL = 0.03
/**
 * The bytes per pixel of pixels that are held between two stages, and of the copy that a stage makes of them.
 */
export const HELD_BYTES_PER_PIXEL = 8
/** Colour conversion with a profile, which CMYK always needs. */
export const CMYK_SECONDS = 0.06
export const CMYK_SECONDS_PER_MEGAPIXEL = 0.05
