/**
 * What films, clips and sounds cost, from what their containers tell; measured as the costs of pictures are.
 */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import type { ImageFormat as SourceFormat } from '../media/kinds.ts'
import type { Size } from '../media/size.ts'
import {
  BASE_SECONDS,
  type CostRender,
  ENCODERS,
  encoderOf,
  filterSeconds,
  HELD_BYTES_PER_PIXEL,
  MIB,
  PLAYED_BYTES_PER_PIXEL,
  SECONDS_PER_FRAME,
  STRIP_BYTES_PER_PIXEL,
} from './cost.ts'
import type { Cost } from './jobs.ts'

/**
 * The cost of one frame of a video of this size and of its rendition, and of `samples` more, which are made no larger than
 * a preview.
 */
export function predictStill(video: Size, render: CostRender, samples = 0): Cost {
  const encoder = ENCODERS[encoderOf({ ...video, palette: false, hasAlpha: false, lossless: false }, render)]
  const renderedPixels = render.width * render.height
  return {
    memoryBytes: Math.ceil(
      VIDEO_BASE_BYTES +
        video.width * video.height * VIDEO_BYTES_PER_PIXEL +
        renderedPixels *
          (encoder.bytesPerPixel + (render.arranged || render.encodes > 1 ? HELD_BYTES_PER_PIXEL : 0)) +
        samples * Math.min(video.width * video.height, MOST_SAMPLE_PIXELS) * SAMPLE_BYTES_PER_PIXEL,
    ),
    cpuSeconds:
      VIDEO_SECONDS +
      Math.min(MOST_SAMPLES_SECONDS, samples * SAMPLE_SECONDS) +
      (renderedPixels / 1e6) * (encoder.secondsPerMegapixel * render.encodes + filterSeconds(render)),
  }
}

export interface SheetCost {
  readonly video: Size
  /** Of each frame as it is read. */
  readonly handedOver: Size
  readonly frames: number
  /** Most frames that are in memory at the same time. */
  readonly held: number
  readonly render: CostRender
}

/** The cost of a sheet of frames: a few of them at a time, each in a size of its own, beside the sheet. */
export function predictSheet({ video, handedOver, frames, held, render }: SheetCost): Cost {
  const still = predictStill(video, render)
  const framePixels = handedOver.width * handedOver.height
  return {
    memoryBytes: Math.ceil(
      still.memoryBytes +
        Math.min(frames, held) * framePixels * SAMPLE_BYTES_PER_PIXEL +
        render.width * render.height * SAMPLE_BYTES_PER_PIXEL,
    ),
    cpuSeconds: still.cpuSeconds + Math.min(MOST_SAMPLES_SECONDS, frames * SAMPLE_SECONDS),
  }
}

/** Index, packets and the decoder's pictures that others lean on: up to sixteen of them. */
const VIDEO_BASE_BYTES = 48 * MIB
const VIDEO_BYTES_PER_PIXEL = 36
/** A group of pictures has to be decoded up to the wanted one, and nothing tells how long that takes. */
const VIDEO_SECONDS = 4
/** A frame that is looked at and not shown is scaled by its decoder from four times this side on. */
const MOST_SAMPLE_PIXELS = (4 * 224) ** 2
const SAMPLE_BYTES_PER_PIXEL = 4
/** Another frame of the same video; of many, what is left of the time that anybody waits. */
const SAMPLE_SECONDS = 1
const MOST_SAMPLES_SECONDS = 20

export interface FilmClipCost {
  readonly format: ClipFormat
  readonly seconds: number
  readonly coded: Size
  /** Pictures a second that are decoded, and that are encoded. */
  readonly sourceRate: number
  readonly pictureRate: number
  /** Of the clip. */
  readonly size: Size
}

/** The cost of a clip of a film: each picture is decoded, scaled and encoded. */
export function predictFilmClip({
  format,
  seconds,
  coded,
  sourceRate,
  pictureRate,
  size,
}: FilmClipCost): Cost {
  const [codedMegapixels, megapixels] = [coded, size].map(({ width, height }) => (width * height) / 1e6) as [
    number,
    number,
  ]
  const { secondsPerMegapixel, bytesPerPixel } = CLIP_ENCODERS[format]
  return {
    memoryBytes: Math.ceil(
      CLIP_BASE_BYTES + codedMegapixels * 1e6 * VIDEO_BYTES_PER_PIXEL + megapixels * 1e6 * bytesPerPixel,
    ),
    cpuSeconds:
      BASE_SECONDS +
      seconds * sourceRate * codedMegapixels * DECODE_SECONDS_PER_MEGAPIXEL +
      seconds * pictureRate * megapixels * secondsPerMegapixel,
  }
}

/** The cost of hearing sound through; what tells no duration is bounded by the limit of a job. */
export function predictWaveform(seconds: number): Cost {
  return {
    memoryBytes: Math.ceil(WAVEFORM_BYTES + seconds * WAVEFORM_BYTES_PER_SECOND),
    cpuSeconds: WAVEFORM_SECONDS + seconds * WAVEFORM_SECONDS_PER_SECOND,
  }
}

const WAVEFORM_BYTES = 64 * MIB
const WAVEFORM_BYTES_PER_SECOND = 1500
const WAVEFORM_SECONDS = 1
/** Of FLAC and AC-3; others take a third of it. */
const WAVEFORM_SECONDS_PER_SECOND = 0.006

/** The cost of a clip whose packets are copied: read once, written once, and once more with its index first. */
export function predictCopy(sourceBytes: number, clipBytes: number): Cost {
  return {
    memoryBytes: CLIP_BASE_BYTES + 3 * Math.min(sourceBytes, clipBytes),
    cpuSeconds: COPY_SECONDS + (sourceBytes / MIB) * COPY_SECONDS_PER_MIB,
  }
}

const COPY_SECONDS = 1
const COPY_SECONDS_PER_MIB = 0.01

export interface PreviewCost {
  readonly coded: Size
  /** Pictures of the film that are decoded. */
  readonly pictures: number
  /** Size of each that is kept before it is fitted into the preview. */
  readonly handedOver: Size
  readonly render: CostRender
}

/** The cost of an animated preview of a film. */
export function predictPreview({ coded, pictures, handedOver, render }: PreviewCost): Cost {
  const source = { ...handedOver, palette: false, hasAlpha: false, lossless: false }
  const encoder = ENCODERS[encoderOf(source, render)]
  const pixels = render.width * render.height * render.frames
  const codedPixels = coded.width * coded.height
  return {
    memoryBytes: Math.ceil(
      VIDEO_BASE_BYTES +
        codedPixels * VIDEO_BYTES_PER_PIXEL +
        handedOver.width * handedOver.height * 4 * render.frames +
        pixels * STRIP_BYTES_PER_PIXEL * (render.encodes > 1 ? 2 : 1),
    ),
    cpuSeconds:
      BASE_SECONDS +
      ((pictures * codedPixels) / 1e6) * DECODE_SECONDS_PER_MEGAPIXEL +
      render.encodes *
        ((pixels / 1e6) * encoder.secondsPerMegapixel + render.frames * SECONDS_PER_FRAME[render.format]),
  }
}

export interface AnimationClipCost {
  readonly format: ClipFormat
  readonly source: Size & { readonly format: SourceFormat }
  readonly size: Size
  readonly frames: number
}

/** The cost of a clip of an animated image: all of its frames are held, then encoded one by one. */
export function predictAnimationClip({ format, source, size, frames }: AnimationClipCost): Cost {
  const [sourceMegapixels, megapixels] = [source, size].map(
    ({ width, height }) => (width * height) / 1e6,
  ) as [number, number]
  const { secondsPerDrawnMegapixel, bytesPerPixel } = CLIP_ENCODERS[format]
  return {
    memoryBytes: Math.ceil(
      CLIP_BASE_BYTES +
        megapixels * 1e6 * (STRIP_BYTES_PER_PIXEL * frames + bytesPerPixel) +
        sourceMegapixels * 1e6 * (source.format === 'png' ? PLAYED_BYTES_PER_PIXEL : HELD_BYTES_PER_PIXEL),
    ),
    cpuSeconds:
      BASE_SECONDS +
      frames * (sourceMegapixels * FRAME_SECONDS_PER_MEGAPIXEL + megapixels * secondsPerDrawnMegapixel),
  }
}

/** What a film costs for each picture of a megapixel, measured on HEVC and AV1; H.264 takes half of it. */
const DECODE_SECONDS_PER_MEGAPIXEL = 0.008
/** To decode a frame of an animation, and to scale it. */
const FRAME_SECONDS_PER_MEGAPIXEL = 0.06
/** Sound, the index, and what has been written. */
const CLIP_BASE_BYTES = 96 * MIB

/** Of each picture; of drawn ones with more patience. */
const CLIP_ENCODERS: Readonly<Record<ClipFormat, ClipEncoder>> = {
  mp4: { secondsPerMegapixel: 0.02, secondsPerDrawnMegapixel: 0.12, bytesPerPixel: 100 },
  webm: { secondsPerMegapixel: 0.05, secondsPerDrawnMegapixel: 0.8, bytesPerPixel: 80 },
}

interface ClipEncoder {
  readonly secondsPerMegapixel: number
  readonly secondsPerDrawnMegapixel: number
  /** Pictures that wait for the ones behind them, or that others lean on. */
  readonly bytesPerPixel: number
}
