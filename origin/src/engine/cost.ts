/**
 * What a job will cost, told from its header and its options before anything is decoded: the peak of memory beside
 * that of an idle process, and processor seconds. The tables are measured by `pnpm bench cost`, and a test holds them to
 * that: a prediction is never less than the truth, and at most three times it.
 */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { ImageFormat as SourceFormat } from '../media/kinds.ts'
import type { Cost } from './jobs.ts'

/** What the header of a picture tells that matters for its cost. */
export interface CostSource {
  readonly format: SourceFormat
  readonly width: number
  readonly height: number
  /** Frames that will be decoded. */
  readonly frames: number
  readonly bands: number
  readonly bytesPerSample: number
  /** Coded in several passes over the whole picture: it has to be held whole before its first row is there. */
  readonly interlaced: boolean
  /** Turned on the way: then all of it is held. */
  readonly turned: boolean
  readonly sourceBytes: number
}

export interface CostRender {
  readonly format: ImageFormat
  readonly width: number
  readonly height: number
  /** Frames that will be encoded. */
  readonly frames: number
  readonly lossless: boolean
  readonly blur: boolean
}

interface Rate {
  /** Bytes of memory for a decoded (or encoded) byte. */
  readonly memory: number
  /** Processor seconds for a megapixel. */
  readonly seconds: number
}

const MIB = 1024 * 1024

/** Buffers, tiles and tables of the smallest job. */
const BASE_BYTES = 8 * MIB
const BASE_SECONDS = 0.01

const DECODERS: Readonly<Record<SourceFormat, Rate>> = {
  jpeg: { memory: 0.4, seconds: 0.03 },
  png: { memory: 0.4, seconds: 0.08 },
  webp: { memory: 2.2, seconds: 0.06 },
  gif: { memory: 2, seconds: 0.05 },
  avif: { memory: 4, seconds: 0.25 },
  heic: { memory: 8, seconds: 0.5 },
  tiff: { memory: 2, seconds: 0.1 },
  jxl: { memory: 4, seconds: 0.3 },
  bmp: { memory: 3, seconds: 0.05 },
  svg: { memory: 2, seconds: 0.3 },
}

/** Bytes of memory for a pixel of the rendition. */
const ENCODERS: Readonly<Record<ImageFormat, Rate>> = {
  jpeg: { memory: 8, seconds: 0.1 },
  png: { memory: 5, seconds: 0.5 },
  webp: { memory: 12, seconds: 0.5 },
  gif: { memory: 12, seconds: 0.8 },
  avif: { memory: 32, seconds: 0.6 },
}

/** The cost of a rendition of a picture. */
export function predictRender(source: CostSource, render: CostRender): Cost {
  const decoder = DECODERS[source.format]
  const encoder = ENCODERS[render.format]
  const decodedPixels = source.width * source.height * source.frames
  const decodedBytes = decodedPixels * source.bands * source.bytesPerSample
  const heldWhole = source.interlaced || source.turned || source.frames > 1
  const renderedPixels = render.width * render.height * render.frames
  return {
    memoryBytes: Math.ceil(
      BASE_BYTES +
        2 * source.sourceBytes +
        decodedBytes * (heldWhole ? Math.max(1.5, decoder.memory) : decoder.memory) +
        renderedPixels * (encoder.memory + (render.blur ? 8 : 0)),
    ),
    cpuSeconds:
      BASE_SECONDS +
      (decodedPixels / 1e6) * decoder.seconds +
      (renderedPixels / 1e6) * (encoder.seconds * (render.lossless ? 3 : 1) + (render.blur ? 0.5 : 0)),
  }
}

/** The cost of one frame of a video of this size, and of its rendition. */
export function predictStill(
  video: { readonly width: number; readonly height: number },
  render: CostRender,
): Cost {
  const pixels = video.width * video.height
  const encoder = ENCODERS[render.format]
  const renderedPixels = render.width * render.height
  return {
    memoryBytes: Math.ceil(
      VIDEO_BASE_BYTES + pixels * VIDEO_BYTES_PER_PIXEL + renderedPixels * encoder.memory,
    ),
    cpuSeconds: VIDEO_SECONDS + (renderedPixels / 1e6) * encoder.seconds,
  }
}

/** Index, packets and the decoder's pictures that others lean on: up to sixteen of them. */
const VIDEO_BASE_BYTES = 48 * MIB
const VIDEO_BYTES_PER_PIXEL = 36
/** A group of pictures has to be decoded up to the wanted one, and nothing tells how long that takes. */
const VIDEO_SECONDS = 4
