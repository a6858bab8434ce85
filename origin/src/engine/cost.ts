/**
 * Predicts the cost of a job from its header and its options, before anything is decoded: the peak of memory
 * above that of an idle process, and CPU seconds. The tables are measured by `pnpm bench cost`. A test checks
 * them: a prediction of memory is never below the measured value, and at most three times that value plus a
 * fixed allowance.
 */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { ImageFormat as SourceFormat } from '../media/kinds.ts'
import type { Size } from '../media/size.ts'
import type { Cost } from './jobs.ts'

/** The properties of an image's header that determine its cost. */
export interface CostSource extends Size {
  readonly format: SourceFormat
  /** The number of frames that are decoded. */
  readonly frames: number
  readonly bands: number
  readonly bytesPerSample: number
  readonly hasAlpha: boolean
  readonly palette: boolean
  /** Whether the source's codec is lossless. */
  readonly lossless: boolean
  /**
   * Whether it is coded in several passes over the whole image (progressive, interlaced). The whole image is
   * then held in memory before its first row is available.
   */
  readonly interlaced: boolean
  /** Whether it is rotated in the pipeline. All pixels that remain after scaling are then held in memory. */
  readonly turned: boolean
  /**
   * When only a part of the image is used: `early` for a part that is cut out in the pipeline, `late` for a
   * part of pixels that are all held in memory first. In both cases the image is decoded at its full size.
   */
  readonly cut: 'early' | 'late' | undefined
  /**
   * The pixels that are held in memory when the codec does not scale while it decodes although it could, or
   * scales less than it could. Otherwise undefined.
   */
  readonly held: { readonly width: number; readonly pixels: number } | undefined
  /** Whether a drawing has filters, each of which allocates and computes the whole image again. */
  readonly filtered: boolean
  /**
   * PNG only: whether frames are composed here on a canvas of full size, whatever the size of the rendition.
   */
  readonly played: boolean
  /** The decoder to use when Sharp does not decode it like other files of its format. */
  readonly ownDecoder?: string
  readonly sourceBytes: number
}

export interface CostRender extends Size {
  readonly format: ImageFormat
  /** The number of frames that are encoded. */
  readonly frames: number
  readonly quality: Quality
  /** The sigma of the blur, in pixels; 0 for none. */
  readonly blur: number
  readonly sharpened: boolean
  /**
   * Whether it is rotated, mirrored, padded or blurred in a box. Its pixels are then held in memory between
   * scaling and encoding.
   */
  readonly arranged: boolean
  /** Whether it is composed on a background, whose colour the source need not contain. */
  readonly laid: boolean
  /** The largest number of times that it is encoded. */
  readonly encodes: number
}

interface Decoder {
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

interface Encoder {
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
/** The rows of the source that the pipeline holds between decoder and encoder. */
const HELD_ROWS = 1400

/** The bytes per pixel of the canvas of an animated PNG. */
export const PLAYED_BYTES_PER_PIXEL = 20

type DecoderName =
  | SourceFormat
  | 'jpeg in passes'
  | 'inks'
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
const DECODERS: Readonly<Record<DecoderName, Decoder>> = {
  jpeg: {
    bytesPerPixel: 0,
    keptPerPixel: 0,
    shrinks: true,
    secondsPerMegapixel: 0.008,
    secondsPerMib: 0.016,
  },
  'jpeg in passes': { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.02, secondsPerMib: 0.04 },
  // Four bytes per pixel, copied once, and converted to three.
  inks: { bytesPerPixel: 9, keptPerPixel: 4, secondsPerMegapixel: 0.05, secondsPerMib: 0.04 },
  // Grey with a profile, or HDR: at most eight bytes per pixel, copied twice, and converted to four.
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
 * The bytes in memory per byte of pixels of an image that is coded in several passes. JPEG keeps two bytes
 * per coefficient (4:2:0 has half as many coefficients, but the header fields used here do not say so). PNG
 * keeps the pixels themselves.
 */
const BYTES_BETWEEN_PASSES: Readonly<Partial<Record<SourceFormat, number>>> = { jpeg: 2, png: 1 }

/**
 * `fine` is a quality above 80. `blurred` is cheaper, because a blurred image has little detail to encode.
 */
type EncoderName =
  | ImageFormat
  | `${'jpeg' | 'webp' | 'avif'} ${'fine' | 'blurred'}`
  | `${'webp' | 'avif'} lossless`
  | 'avif drawn'
  | 'avif moving'
  | 'png alpha'
  | 'png palette'
  | 'gif palette'

/** Measured on the same images, at full size. */
export const ENCODERS: Readonly<Record<EncoderName, Encoder>> = {
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
  // written.
  'avif moving': { bytesPerPixel: 60, bytesPerAlpha: 12, secondsPerMegapixel: 0.7 },
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
  // The palette is that of the source.
  'gif palette': { bytesPerPixel: 52, bytesPerAlpha: 0, secondsPerMegapixel: 0.7 },
}

/** The number of pixels beyond which the histogram of a GIF's colours does not grow. */
const HISTOGRAM_PIXELS = 1e6

/** The CPU seconds per frame, whatever its size. For GIF this is the choice of the palette. */
export const SECONDS_PER_FRAME: Readonly<Record<ImageFormat, number>> = {
  jpeg: 0.002,
  png: 0.004,
  webp: 0.004,
  avif: 0.004,
  gif: 0.03,
}

/**
 * The bytes per pixel of all frames: as pixels, copied once, and coded; plus a twelfth for memory that is not
 * released at once.
 */
export const STRIP_BYTES_PER_PIXEL = 13
/** The bytes per pixel of all frames once they are coded. */
const CODED_BYTES_PER_PIXEL = 3
/** A blur holds as many rows as its kernel is wide, and computes each pixel from them. */
const BLUR_BYTES_PER_PIXEL = 3
const BLUR_SECONDS_PER_MEGAPIXEL = 0.001
/** Sharpening converts to another colour space and back. */
const SHARPEN_BYTES_PER_PIXEL = 3
const SHARPEN_SECONDS_PER_MEGAPIXEL = 0.12
/** Trimming reads every pixel. */
const LOOKED_AT_SECONDS_PER_MEGAPIXEL = 0.03
/**
 * The bytes per pixel of pixels that are held between two stages, and of the copy that a stage makes of them.
 */
export const HELD_BYTES_PER_PIXEL = 8
/** Colour conversion with a profile, which CMYK always needs. */
const PRINT_SECONDS = 0.06
const PRINT_SECONDS_PER_MEGAPIXEL = 0.05

/** The cost of no work. */
export const FREE: Cost = { memoryBytes: 0, cpuSeconds: 0 }

/** Returns the cost of two pieces of work, the second of which begins when the first has ended. */
export function oneAfterTheOther(first: Cost, second: Cost): Cost {
  return {
    memoryBytes: Math.max(first.memoryBytes, second.memoryBytes),
    cpuSeconds: first.cpuSeconds + second.cpuSeconds,
  }
}

/** Predicts the cost of rendering an image. */
export function predictRender(source: CostSource, render: CostRender): Cost {
  const decoder = DECODERS[decoderOf(source)]
  const encoder = ENCODERS[encoderOf(source, render)]
  // A drawing is rasterised at the wanted size. Other images are decoded in full, however small the
  // rendition.
  const decoded = source.format === 'svg' && source.cut === undefined ? render : source
  const decodedPixels = decoded.width * decoded.height * source.frames
  const renderedPixels = render.width * render.height * render.frames
  return {
    memoryBytes: Math.ceil(BASE_BYTES + source.sourceBytes + workBytes(source, render)),
    cpuSeconds:
      BASE_SECONDS +
      (decoder.startSeconds ?? 0) +
      (decodedPixels / 1e6) * decoder.secondsPerMegapixel +
      (source.sourceBytes / MIB) * decoder.secondsPerMib +
      (renderedPixels / 1e6) * (encoder.secondsPerMegapixel * render.encodes + filterSeconds(render)) +
      (Math.min(renderedPixels, HISTOGRAM_PIXELS) / 1e6) *
        (encoder.histogram?.secondsPerMegapixel ?? 0) *
        render.encodes +
      render.frames * SECONDS_PER_FRAME[render.format] * render.encodes +
      printSeconds(source, renderedPixels) +
      (source.cut === 'late' ? (decodedPixels / 1e6) * LOOKED_AT_SECONDS_PER_MEGAPIXEL : 0),
  }
}

/** Returns the CPU seconds of the filters, per megapixel. */
export function filterSeconds({ blur, sharpened }: CostRender): number {
  return blur * BLUR_SECONDS_PER_MEGAPIXEL + (sharpened ? SHARPEN_SECONDS_PER_MEGAPIXEL : 0)
}

/**
 * Returns the bytes in memory besides the coded source. The frames of an animation are processed one at a
 * time, unless a stage needs all of them.
 */
function workBytes(source: CostSource, render: CostRender): number {
  const decoder = DECODERS[decoderOf(source)]
  const encoder = ENCODERS[encoderOf(source, render)]
  const sourcePixels = source.width * source.height
  const renderedPixels = render.width * render.height
  const pixelBytes = source.bands * source.bytesPerSample
  const shrinks = decoder.shrinks && source.cut === undefined
  const scaled = { width: 2 * render.width, pixels: renderedPixels }
  const held = shrinks ? (source.held ?? scaled) : { width: source.width, pixels: sourcePixels }
  const heldPixels = Math.min(sourcePixels, held.pixels)
  const heldWidth = Math.min(source.width, held.width)
  const rows = heldWidth * Math.min(source.height, HELD_ROWS) * pixelBytes * (source.hasAlpha ? 2 : 1)
  const passes = source.interlaced
    ? sourcePixels * pixelBytes * (BYTES_BETWEEN_PASSES[source.format] ?? 0)
    : 0
  const encoding =
    encoder.bytesPerPixel +
    (source.hasAlpha ? encoder.bytesPerAlpha : 0) +
    (render.blur > 0 ? BLUR_BYTES_PER_PIXEL : 0) +
    (render.sharpened ? SHARPEN_BYTES_PER_PIXEL : 0) +
    (render.arranged || render.encodes > 1 ? HELD_BYTES_PER_PIXEL : 0) +
    (source.turned ? pixelBytes : 0)
  const histogram = Math.min(renderedPixels, HISTOGRAM_PIXELS) * (encoder.histogram?.bytesPerPixel ?? 0)
  const cut = source.cut === 'late' || (source.cut && source.turned && render.frames > 1)
  const pixels = cut ? sourcePixels * source.frames * HELD_BYTES_PER_PIXEL : 0
  // When an animation may be encoded again, all frames are kept, and copied for each attempt.
  const stripBytes = STRIP_BYTES_PER_PIXEL * (render.encodes > 1 ? 2 : 1)
  const frames =
    render.frames > 1
      ? renderedPixels * render.frames * (ofStrip(source, render) ? stripBytes : CODED_BYTES_PER_PIXEL)
      : 0
  // Memory that only decoding needs is free again when the encoder begins.
  const peak = Math.max(
    heldPixels * decoder.bytesPerPixel,
    heldPixels * decoder.keptPerPixel + renderedPixels * encoding + histogram,
  )
  return (decoder.startBytes ?? 0) + rows + passes + frames + pixels + peak
}

/**
 * Whether all frames are held as one tall image, below each other: when they are decoded or encoded outside
 * Sharp, rotated, or filtered.
 */
function ofStrip({ format, turned }: CostSource, render: CostRender): boolean {
  const { blur, sharpened, arranged, encodes } = render
  const isFinished = blur > 0 || sharpened || arranged || encodes > 1
  const isWritten = render.format === 'png' || render.format === 'avif'
  return turned || isWritten || isFinished || format === 'png' || format === 'avif'
}

function decoderOf(source: CostSource): DecoderName {
  const { format, interlaced, lossless, filtered, cut, played, ownDecoder } = source
  if (ownDecoder === 'inks' || ownDecoder === 'luma') return 'inks'
  if (ownDecoder === 'grey' || (ownDecoder === 'colours' && format === 'png')) return 'deep'
  if (format === 'png' && played) return 'png played'
  // Decoding at full size takes as long as decoding in passes.
  if (format === 'jpeg' && cut !== undefined) return 'jpeg in passes'
  if (format === 'webp') return lossless ? 'webp lossless' : format
  if (format === 'svg') return filtered ? 'svg with filters' : 'svg'
  return interlaced && (format === 'jpeg' || format === 'png') ? `${format} in passes` : format
}

export function encoderOf(
  source: Pick<CostSource, 'palette' | 'hasAlpha' | 'lossless' | 'width' | 'height'>,
  render: CostRender,
): EncoderName {
  const { format, quality, blur } = render
  if (format === 'gif') {
    const keepsColours = source.palette && keepsSize(source, render) && blur === 0
    return keepsColours && !render.laid && !render.arranged ? 'gif palette' : format
  }
  if (format === 'png') {
    // An animation is written frame by frame, in full colour.
    if (source.palette && blur === 0 && quality !== 'lossless' && render.frames === 1) return 'png palette'
    return source.hasAlpha ? 'png alpha' : format
  }
  if (format === 'avif' && render.frames > 1) return 'avif moving'
  if (quality === 'lossless')
    return source.lossless && format !== 'jpeg' ? `${format} lossless` : `${format} fine`
  if (format === 'avif' && (source.lossless || source.hasAlpha)) return 'avif drawn'
  if (blur > 0) return `${format} blurred`
  return quality > 80 ? `${format} fine` : format
}

function keepsSize(source: Size, render: Size): boolean {
  return source.width === render.width && source.height === render.height
}

function printSeconds({ bands, hasAlpha }: CostSource, renderedPixels: number): number {
  return bands === 4 && !hasAlpha ? PRINT_SECONDS + (renderedPixels / 1e6) * PRINT_SECONDS_PER_MEGAPIXEL : 0
}
