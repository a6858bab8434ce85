/**
 * Predicts the cost of a job from its header and its options, before anything is decoded: the peak of memory
 * above that of an idle process, and CPU seconds. A test checks that a prediction of memory is never below
 * the measured value, and at most three times that value plus a fixed allowance.
 */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import { isHeif, type SourceImageFormat } from '../media/kinds.ts'
import type { Size } from '../media/size.ts'
import {
  BASE_BYTES,
  BASE_SECONDS,
  BLUR_BYTES_PER_PIXEL,
  BLUR_SECONDS_PER_MEGAPIXEL,
  BYTES_BETWEEN_PASSES,
  CMYK_SECONDS,
  CMYK_SECONDS_PER_MEGAPIXEL,
  CODED_BYTES_PER_PIXEL,
  DECODER_COSTS,
  type DecoderName,
  ENCODER_COSTS,
  type EncoderName,
  HELD_BYTES_PER_PIXEL,
  HELD_ROWS,
  HISTOGRAM_PIXELS,
  LIBAV_BYTES,
  MIB,
  SECONDS_PER_FRAME,
  SHARPEN_BYTES_PER_PIXEL,
  SHARPEN_SECONDS_PER_MEGAPIXEL,
  STRIP_BYTES_PER_PIXEL,
  TRIM_SECONDS_PER_MEGAPIXEL,
} from './cost-tables.ts'
import { choosesPalettesQuickly } from './gif-effort.ts'
import type { Cost } from './jobs.ts'

/** The properties of an image's header that determine its cost. */
export interface CostSource extends Size {
  readonly format: SourceImageFormat
  /** The number of frames that are decoded. */
  readonly frames: number
  readonly bands: number
  readonly bytesPerSample: number
  readonly hasAlpha: boolean
  readonly palette: boolean
  /** GIF only: whether its frames share one palette, which a GIF of another size then has, too. */
  readonly sharedPalette?: boolean
  /** Whether the source's codec is lossless. */
  readonly lossless: boolean
  /**
   * Whether it is coded in several passes over the whole image (progressive, interlaced). The whole image is
   * then held in memory before its first row is available.
   */
  readonly interlaced: boolean
  /** JPEG only: the samples per pixel of all channels. Default: as many as there are channels. */
  readonly samplesPerPixel?: number | undefined
  /** Whether it is rotated in the pipeline. All pixels that remain after scaling are then held in memory. */
  readonly rotated: boolean
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
  /** Whether libav decodes it instead of libheif or Sharp. */
  readonly usesLibav?: boolean
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
  readonly buffered: boolean
  /** Whether it is composed on a background, whose colour the source need not contain. */
  readonly flattened: boolean
  /** The largest number of times that it is encoded. */
  readonly encodes: number
}
/** The cost of no work. */
export const FREE: Cost = { memoryBytes: 0, cpuSeconds: 0 }

/** Returns the cost of two pieces of work, the second of which begins when the first has ended. */
export function sequentialCost(first: Cost, second: Cost): Cost {
  return {
    memoryBytes: Math.max(first.memoryBytes, second.memoryBytes),
    cpuSeconds: first.cpuSeconds + second.cpuSeconds,
  }
}

/** Predicts the cost of rendering an image. */
export function predictRender(source: CostSource, render: CostRender): Cost {
  const decoder = DECODER_COSTS[decoderOf(source)]
  const encoder = ENCODER_COSTS[encoderOf(source, render)]
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
      render.frames * secondsPerFrame(source, render) * render.encodes +
      cmykSeconds(source, renderedPixels) +
      (source.cut === 'late' ? (decodedPixels / 1e6) * TRIM_SECONDS_PER_MEGAPIXEL : 0),
  }
}

/** Returns the CPU seconds to encode a frame, in addition to those of its pixels. */
export function secondsPerFrame(source: EncodedSource, render: CostRender): number {
  return SECONDS_PER_FRAME[encoderOf(source, render) === 'gif quick' ? 'gif quick' : render.format]
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
  const decoder = DECODER_COSTS[decoderOf(source)]
  const encoder = ENCODER_COSTS[encoderOf(source, render)]
  const sourcePixels = source.width * source.height
  const renderedPixels = render.width * render.height
  const pixelBytes = source.bands * source.bytesPerSample
  const isLibavJpeg = decoderOf(source) === 'jpeg by libav'
  // libav copies the coded source.
  const libavBytes = source.usesLibav && source.format !== 'heic' ? LIBAV_BYTES + source.sourceBytes : 0
  const shrinks = decoder.shrinks && source.cut === undefined
  const scaled = { width: 2 * render.width, pixels: renderedPixels }
  const held = shrinks ? (source.held ?? scaled) : { width: source.width, pixels: sourcePixels }
  const heldPixels = Math.min(sourcePixels, held.pixels)
  const heldWidth = Math.min(source.width, held.width)
  // libav decodes the whole image, and no rows are held besides.
  const rows = isLibavJpeg
    ? sourcePixels * (source.samplesPerPixel ?? source.bands)
    : heldWidth * Math.min(source.height, HELD_ROWS) * pixelBytes * (source.hasAlpha ? 2 : 1)
  const passes = source.interlaced
    ? sourcePixels *
      (source.samplesPerPixel ?? source.bands) *
      source.bytesPerSample *
      (BYTES_BETWEEN_PASSES[source.format] ?? 0)
    : 0
  const encoding =
    encoder.bytesPerPixel +
    (source.hasAlpha ? encoder.bytesPerAlpha : 0) +
    (render.blur > 0 ? BLUR_BYTES_PER_PIXEL : 0) +
    (render.sharpened ? SHARPEN_BYTES_PER_PIXEL : 0) +
    (render.buffered || render.encodes > 1 ? HELD_BYTES_PER_PIXEL : 0) +
    (source.rotated ? pixelBytes : 0)
  const histogram = Math.min(renderedPixels, HISTOGRAM_PIXELS) * (encoder.histogram?.bytesPerPixel ?? 0)
  const cut = source.cut === 'late' || (source.cut && source.rotated && render.frames > 1)
  const pixels = cut ? sourcePixels * source.frames * HELD_BYTES_PER_PIXEL : 0
  // libvips decodes all frames of a WebP before the first one is used, unless the codec scales them.
  const decodedFrames = source.format === 'webp' && source.frames > 1 ? 4 * sourcePixels * source.frames : 0
  // When an animation may be encoded again, all frames are kept, and copied for each attempt.
  const stripBytes = STRIP_BYTES_PER_PIXEL * (render.encodes > 1 ? 2 : 1)
  const frames =
    render.frames > 1
      ? renderedPixels * render.frames * (holdsStrip(source, render) ? stripBytes : CODED_BYTES_PER_PIXEL)
      : 0
  // Memory that only decoding needs is free again when the encoder begins.
  const peak = Math.max(
    heldPixels * decoder.bytesPerPixel,
    heldPixels * decoder.keptPerPixel + renderedPixels * encoding + histogram,
  )
  return (decoder.startBytes ?? 0) + libavBytes + rows + passes + frames + pixels + decodedFrames + peak
}

/**
 * Whether all frames are held as one tall image, below each other: when they are decoded or encoded outside
 * Sharp, rotated, or filtered.
 */
function holdsStrip({ format, rotated }: CostSource, render: CostRender): boolean {
  const { blur, sharpened, buffered, encodes } = render
  const isFinished = blur > 0 || sharpened || buffered || encodes > 1
  const isWritten = render.format === 'png' || render.format === 'avif'
  return rotated || isWritten || isFinished || format === 'png' || isHeif(format)
}

function decoderOf(source: CostSource): DecoderName {
  const { format, bytesPerSample, interlaced, lossless, filtered, cut, played, ownDecoder } = source
  if (format === 'heic' && source.usesLibav && bytesPerSample === 1) return 'heic by libav'
  if (format === 'jpeg' && source.usesLibav) return 'jpeg by libav'
  if (ownDecoder === 'cmyk' || ownDecoder === 'ycbcr' || ownDecoder === 'extras') return 'converted'
  if (ownDecoder === 'grey') return bytesPerSample === 1 ? 'converted' : 'deep'
  if (ownDecoder === 'colours' && format === 'png') return 'deep'
  if (format === 'png' && played) return 'png played'
  // Decoding at full size takes as long as decoding in passes.
  if (format === 'jpeg' && cut !== undefined) return 'jpeg in passes'
  if (format === 'webp') return lossless ? 'webp lossless' : format
  if (format === 'svg') return filtered ? 'svg with filters' : 'svg'
  return interlaced && (format === 'jpeg' || format === 'png') ? `${format} in passes` : format
}

type EncodedSource = Pick<
  CostSource,
  'palette' | 'sharedPalette' | 'hasAlpha' | 'lossless' | 'width' | 'height'
>

/** Returns the row of the cost table for the encoder of a render. */
export function encoderOf(source: EncodedSource, render: CostRender): EncoderName {
  const { format, quality, blur } = render
  if (format === 'gif') {
    if (choosesPalettesQuickly(render, render.frames)) return 'gif quick'
    const hasPalette = source.sharedPalette || (source.palette && keepsSize(source, render))
    const keepsPalette = blur === 0 && !render.sharpened && !render.flattened && !render.buffered
    return hasPalette && keepsPalette ? 'gif palette' : format
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

function cmykSeconds({ bands, hasAlpha }: CostSource, renderedPixels: number): number {
  return bands === 4 && !hasAlpha ? CMYK_SECONDS + (renderedPixels / 1e6) * CMYK_SECONDS_PER_MEGAPIXEL : 0
}
