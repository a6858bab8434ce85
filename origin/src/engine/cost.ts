/**
 * What a job will cost, told from its header and its options before anything is decoded: the peak of memory beside
 * that of an idle process, and processor seconds. The tables are measured by `pnpm bench cost`, and a test holds them to
 * that: a prediction of memory is never less than the truth, and at most three times it and some.
 */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { ImageFormat as SourceFormat } from '../media/kinds.ts'
import type { Size } from '../media/size.ts'
import type { Cost } from './jobs.ts'

/** What the header of a picture tells that matters for its cost. */
export interface CostSource extends Size {
  readonly format: SourceFormat
  /** Frames that will be decoded. */
  readonly frames: number
  readonly bands: number
  readonly bytesPerSample: number
  readonly hasAlpha: boolean
  readonly palette: boolean
  /** The source's codec kept every pixel exactly. */
  readonly lossless: boolean
  /** Coded in several passes over the whole picture: it has to be held whole before its first row is there. */
  readonly interlaced: boolean
  /** Turned on the way: then all of what is left after scaling is held. */
  readonly turned: boolean
  /** A part of it is used: cut out on the way, or of pixels that are all held first. Either way it is decoded at its full size. */
  readonly cut: 'early' | 'late' | undefined
  /** What is held of it where its codec could scale it and does not, or less than it could; else undefined. */
  readonly held: { readonly width: number; readonly pixels: number } | undefined
  /** Drawn with filters, each of which holds and computes the whole picture anew. */
  readonly filtered: boolean
  /** Of PNG: its frames are drawn upon each other here, at their full size, whatever becomes of them. */
  readonly played: boolean
  /** Sharp does not decode it as others of its format. */
  readonly ownDecoder?: string
  readonly sourceBytes: number
}

export interface CostRender extends Size {
  readonly format: ImageFormat
  /** Frames that will be encoded. */
  readonly frames: number
  readonly quality: Quality
  /** Sigma of the blur in pixels; 0 for none. */
  readonly blur: number
  readonly sharpened: boolean
  /** Turned, mirrored, padded, or blurred in a box: then its pixels are held between scaling and encoding. */
  readonly arranged: boolean
  /** On a background: then it has a colour that its source need not have. */
  readonly laid: boolean
  /** How often it is encoded at the most. */
  readonly encodes: number
}

interface Decoder {
  /** Bytes that are held for a pixel of the source while it is decoded; 0 where rows come as they are needed. */
  readonly bytesPerPixel: number
  /** Those of them that are still held while the rendition is encoded. */
  readonly keptPerPixel: number
  /** Decoded no larger than it is wanted, or twice that: then those are the pixels that are held. */
  readonly shrinks?: true
  /** What it takes before the first pixel. Default: nothing. */
  readonly startBytes?: number
  readonly startSeconds?: number
  readonly secondsPerMegapixel: number
  /** Coded bytes take their time too: noise has several times as many as a photograph. */
  readonly secondsPerMib: number
}

interface Encoder {
  /** Bytes that are held for a pixel of the rendition, its coded bytes among them. */
  readonly bytesPerPixel: number
  /** Beside that, for a pixel with alpha. */
  readonly bytesPerAlpha: number
  readonly secondsPerMegapixel: number
}

export const MIB = 1024 * 1024

/** Tables and tiles of the smallest job, and what a busy machine is late to give back. */
export const BASE_BYTES = 10 * MIB
export const BASE_SECONDS = 0.02
/** Rows of the source that its stages hold between decoder and encoder. */
const HELD_ROWS = 1400

/** Of an animated PNG, for a pixel of its canvas. */
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
 * Measured on pictures of 0.1 to 48 megapixels, smooth and of noise, made 64 pixels wide, so that decoding is all there
 * is; the dearest of them counts. Node 24.21, Sharp 0.35.5 (libvips 8.18.7), libheif-js 1.23.2, two cores of a Xeon.
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
  // Four bytes a pixel, copied once, and made three.
  inks: { bytesPerPixel: 9, keptPerPixel: 4, secondsPerMegapixel: 0.05, secondsPerMib: 0.04 },
  // Grey with a profile, or brighter than a screen: at the most eight bytes a pixel, copied twice, and made four.
  deep: { bytesPerPixel: 28, keptPerPixel: 4, secondsPerMegapixel: 0.1, secondsPerMib: 0 },
  png: { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.02, secondsPerMib: 0.008 },
  'png in passes': { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.03, secondsPerMib: 0.008 },
  // The canvas, as it was before, upright, a frame, and what Sharp makes that of.
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
  // WebAssembly: a machine of its own for each picture.
  heic: {
    bytesPerPixel: 19,
    keptPerPixel: 5,
    startBytes: 12 * MIB,
    startSeconds: 0.12,
    secondsPerMegapixel: 0.22,
    secondsPerMib: 0.1,
  },
  tiff: { bytesPerPixel: 0, keptPerPixel: 0, secondsPerMegapixel: 0.03, secondsPerMib: 0 },
  // By libav, and converted: at the most two copies of sixteen bits.
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
 * Bytes that are held for a byte of pixels where they come in several passes: JPEG's coefficients have two (in 4:2:0
 * there are half as many, which the header does not tell here), PNG's pixels are what they are.
 */
const BYTES_BETWEEN_PASSES: Readonly<Partial<Record<SourceFormat, number>>> = { jpeg: 2, png: 1 }

/** `fine` is a quality above 80; a blurred picture has little left to encode. */
type EncoderName =
  | ImageFormat
  | `${'jpeg' | 'webp' | 'avif'} ${'fine' | 'blurred'}`
  | `${'webp' | 'avif'} lossless`
  | 'avif drawn'
  | 'avif moving'
  | 'png alpha'
  | 'png palette'
  | 'gif palette'

/** Measured on the same pictures, as large as they are. */
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
  // Of a drawing, or with alpha; which it is, is seen when it is decoded.
  'avif drawn': { bytesPerPixel: 42, bytesPerAlpha: 12, secondsPerMegapixel: 0.6 },
  // Colours, and as much again for alpha; all frames are pixels before the first is written.
  'avif moving': { bytesPerPixel: 60, bytesPerAlpha: 12, secondsPerMegapixel: 0.7 },
  'avif blurred': { bytesPerPixel: 42, bytesPerAlpha: 12, secondsPerMegapixel: 0.13 },
  'avif lossless': { bytesPerPixel: 64, bytesPerAlpha: 12, secondsPerMegapixel: 0.6 },
  // A photograph takes 1 to 3 seconds; noise of every colour 4 to 7, which is what twice as much is allowed for.
  gif: { bytesPerPixel: 52, bytesPerAlpha: 0, secondsPerMegapixel: 3.2 },
  // Its colours are those of the source.
  'gif palette': { bytesPerPixel: 52, bytesPerAlpha: 0, secondsPerMegapixel: 0.7 },
}

/** What each frame takes, however small: for GIF, to choose its colours. */
export const SECONDS_PER_FRAME: Readonly<Record<ImageFormat, number>> = {
  jpeg: 0.002,
  png: 0.004,
  webp: 0.004,
  avif: 0.004,
  gif: 0.03,
}

/** Of all frames: as pixels, copied once, and coded; a twelfth more for what is not given back at once. */
export const STRIP_BYTES_PER_PIXEL = 13
/** Of all frames, coded. */
const CODED_BYTES_PER_PIXEL = 3
/** A blur holds as many rows as it is wide, and computes each pixel from them. */
const BLUR_BYTES_PER_PIXEL = 3
const BLUR_SECONDS_PER_MEGAPIXEL = 0.001
/** By way of another space of colours. */
const SHARPEN_BYTES_PER_PIXEL = 3
const SHARPEN_SECONDS_PER_MEGAPIXEL = 0.12
/** Every pixel of a border is looked at. */
const LOOKED_AT_SECONDS_PER_MEGAPIXEL = 0.03
/** Pixels that are held between two stages, and the copy that a stage makes of them. */
export const HELD_BYTES_PER_PIXEL = 8
/** Conversion of colours by a profile, which print colours always need. */
const PRINT_SECONDS = 0.06
const PRINT_SECONDS_PER_MEGAPIXEL = 0.05

/** What nothing costs. */
export const FREE: Cost = { memoryBytes: 0, cpuSeconds: 0 }

/** The cost of two pieces of work of which the second begins when the first is over. */
export function oneAfterTheOther(first: Cost, second: Cost): Cost {
  return {
    memoryBytes: Math.max(first.memoryBytes, second.memoryBytes),
    cpuSeconds: first.cpuSeconds + second.cpuSeconds,
  }
}

/** The cost of a rendition of a picture. */
export function predictRender(source: CostSource, render: CostRender): Cost {
  const decoder = DECODERS[decoderOf(source)]
  const encoder = ENCODERS[encoderOf(source, render)]
  // A drawing is drawn as large as it is wanted. Others are read in full, however small they become.
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
      render.frames * SECONDS_PER_FRAME[render.format] * render.encodes +
      printSeconds(source, renderedPixels) +
      (source.cut === 'late' ? (decodedPixels / 1e6) * LOOKED_AT_SECONDS_PER_MEGAPIXEL : 0),
  }
}

/** Of one megapixel. */
export function filterSeconds({ blur, sharpened }: CostRender): number {
  return blur * BLUR_SECONDS_PER_MEGAPIXEL + (sharpened ? SHARPEN_SECONDS_PER_MEGAPIXEL : 0)
}

/** What is held beside the coded source. Frames of an animation come and go one at a time, where nothing wants all. */
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
  const cut = source.cut === 'late' || (source.cut && source.turned && render.frames > 1)
  const pixels = cut ? sourcePixels * source.frames * HELD_BYTES_PER_PIXEL : 0
  // Of what is encoded again all frames are kept, and handed over again.
  const stripBytes = STRIP_BYTES_PER_PIXEL * (render.encodes > 1 ? 2 : 1)
  const frames =
    render.frames > 1
      ? renderedPixels * render.frames * (ofStrip(source, render) ? stripBytes : CODED_BYTES_PER_PIXEL)
      : 0
  // What decoding alone needs is free again when the encoder begins.
  const peak = Math.max(
    heldPixels * decoder.bytesPerPixel,
    heldPixels * decoder.keptPerPixel + renderedPixels * encoding,
  )
  return (decoder.startBytes ?? 0) + rows + passes + frames + pixels + peak
}

/** Frames that another program than Sharp draws, or writes, or blurs, lie below each other in one tall picture. */
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
  // Decoded at its full size, it takes as long as in passes.
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
    // An animation is written frame by frame, with all of its colours.
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
