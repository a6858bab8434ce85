/**
 * Predicts the costs of videos, clips and audio from the metadata of their containers. The constants are
 * measured in the same way as those of images.
 */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import { isHeif, type SourceImageFormat } from '../media/kinds.ts'
import type { Size } from '../media/size.ts'
import { type CostRender, encoderOf, filterSeconds, secondsPerFrame } from './cost.ts'
import {
  BASE_SECONDS,
  ENCODER_COSTS,
  HELD_BYTES_PER_PIXEL,
  MIB,
  PLAYED_BYTES_PER_PIXEL,
  STRIP_BYTES_PER_PIXEL,
} from './cost-tables.ts'
import type { Cost } from './jobs.ts'
import { MODEL_SIDE_PIXELS } from './scan-model.ts'

/**
 * Predicts the cost of one frame of a video of this size and of its rendition, and of `samples` further
 * frames, which are decoded no larger than `MAX_SAMPLE_PIXELS`.
 */
export function predictStill(video: Size, render: CostRender, samples = 0): Cost {
  const encoder =
    ENCODER_COSTS[encoderOf({ ...video, palette: false, hasAlpha: false, lossless: false }, render)]
  const renderedPixels = render.width * render.height
  return {
    memoryBytes: Math.ceil(
      VIDEO_BASE_BYTES +
        video.width * video.height * VIDEO_BYTES_PER_PIXEL +
        renderedPixels *
          (encoder.bytesPerPixel + (render.buffered || render.encodes > 1 ? HELD_BYTES_PER_PIXEL : 0)) +
        samples * Math.min(video.width * video.height, MAX_SAMPLE_PIXELS) * SAMPLE_BYTES_PER_PIXEL,
    ),
    cpuSeconds:
      VIDEO_SECONDS +
      Math.min(MAX_SAMPLES_SECONDS, samples * SAMPLE_SECONDS) +
      (renderedPixels / 1e6) * (encoder.secondsPerMegapixel * render.encodes + filterSeconds(render)),
  }
}

export interface SheetCost {
  readonly video: Size
  /** The size of each frame as it is read. */
  readonly decodedSize: Size
  readonly frames: number
  /** The largest number of frames in memory at the same time. */
  readonly held: number
  readonly render: CostRender
}

/** Predicts the cost of a sprite sheet: the sheet, and a few frames at a time, each at its decoded size. */
export function predictSheet({ video, decodedSize, frames, held, render }: SheetCost): Cost {
  const still = predictStill(video, render)
  const framePixels = decodedSize.width * decodedSize.height
  return {
    memoryBytes: Math.ceil(
      still.memoryBytes +
        Math.min(frames, held) * framePixels * SAMPLE_BYTES_PER_PIXEL +
        render.width * render.height * SAMPLE_BYTES_PER_PIXEL,
    ),
    cpuSeconds: still.cpuSeconds + Math.min(MAX_SAMPLES_SECONDS, frames * SAMPLE_SECONDS),
  }
}

/** The index, packets and the decoder's reference frames, up to sixteen of them. */
const VIDEO_BASE_BYTES = 48 * MIB
const VIDEO_BYTES_PER_PIXEL = 36
/** A group of pictures is decoded up to the wanted frame. The metadata does not state how far that is. */
const VIDEO_SECONDS = 4
/** The largest frame that is only analysed, in pixels: a larger one is scaled down by its decoder. */
const MAX_SAMPLE_PIXELS = (4 * MODEL_SIDE_PIXELS) ** 2
const SAMPLE_BYTES_PER_PIXEL = 4
/** The CPU seconds of another frame of the same video. */
const SAMPLE_SECONDS = 1
/**
 * The upper bound of the predicted CPU time of many frames, in seconds. It is longer than any deadline
 * allows.
 */
export const MAX_SAMPLES_SECONDS = 20

/** A video as it is coded. `codec` is its name in libav, if its codec is accepted. */
export interface CodedVideo extends Size {
  readonly codec: string | undefined
}

export interface VideoClipCost {
  readonly format: ClipFormat
  readonly seconds: number
  readonly coded: CodedVideo
  /** The size of the part of the source that the clip shows. */
  readonly codedBytes: number
  /** Whether the frames are tone mapped, because the source is HDR. */
  readonly toneMaps: boolean
  /** The frames per second that are decoded, and that are encoded. */
  readonly sourceRate: number
  readonly frameRate: number
  /** The size of the clip. */
  readonly size: Size
}

/** Predicts the cost of a clip of a video: each frame is decoded, scaled and encoded. */
export function predictVideoClip({
  format,
  seconds,
  coded,
  codedBytes,
  toneMaps,
  sourceRate,
  frameRate,
  size,
}: VideoClipCost): Cost {
  const [codedMegapixels, megapixels] = [coded, size].map(({ width, height }) => (width * height) / 1e6) as [
    number,
    number,
  ]
  const { secondsPerMegapixel, bytesPerPixel } = CLIP_ENCODERS[format]
  const toneMap = toneMaps ? TONE_MAP : NO_TONE_MAP
  return {
    memoryBytes: Math.ceil(
      CLIP_BASE_BYTES +
        codedMegapixels * 1e6 * VIDEO_BYTES_PER_PIXEL +
        megapixels * 1e6 * (bytesPerPixel + toneMap.bytesPerPixel),
    ),
    cpuSeconds:
      BASE_SECONDS +
      seconds * sourceRate * codedMegapixels * decodeSecondsPerMegapixel(coded) +
      (codedBytes / MIB) * DECODE_SECONDS_PER_MIB +
      seconds * frameRate * megapixels * (secondsPerMegapixel + toneMap.secondsPerMegapixel),
  }
}

/**
 * Predicts the cost of decoding all audio. Audio without a declared duration is bounded by the limits of a
 * job.
 */
export function predictWaveform(seconds: number): Cost {
  return {
    memoryBytes: Math.ceil(WAVEFORM_BYTES + seconds * WAVEFORM_BYTES_PER_SECOND),
    cpuSeconds: WAVEFORM_SECONDS + seconds * WAVEFORM_SECONDS_PER_SECOND,
  }
}

const WAVEFORM_BYTES = 64 * MIB
const WAVEFORM_BYTES_PER_SECOND = 1500
const WAVEFORM_SECONDS = 1
/** Measured on FLAC and AC-3; other codecs take a third of it. */
const WAVEFORM_SECONDS_PER_SECOND = 0.006

/**
 * Predicts the cost of a clip whose packets are copied: they are read once, written once, and written again
 * with the index first.
 */
export function predictCopy(sourceBytes: number, clipBytes: number): Cost {
  return {
    memoryBytes: CLIP_BASE_BYTES + 3 * Math.min(sourceBytes, clipBytes),
    cpuSeconds: COPY_SECONDS + (sourceBytes / MIB) * COPY_SECONDS_PER_MIB,
  }
}

const COPY_SECONDS = 1
const COPY_SECONDS_PER_MIB = 0.01

export interface PreviewCost {
  readonly coded: CodedVideo
  /** The number of frames of the video that are decoded. */
  readonly frames: number
  /** The size at which each frame is kept before it is fitted into the preview. */
  readonly decodedSize: Size
  readonly render: CostRender
}

/** Predicts the cost of an animated preview of a video. */
export function predictPreview({ coded, frames, decodedSize, render }: PreviewCost): Cost {
  const source = { ...decodedSize, palette: false, hasAlpha: false, lossless: false }
  const encoder = ENCODER_COSTS[encoderOf(source, render)]
  const pixels = render.width * render.height * render.frames
  const codedPixels = coded.width * coded.height
  return {
    memoryBytes: Math.ceil(
      VIDEO_BASE_BYTES +
        codedPixels * VIDEO_BYTES_PER_PIXEL +
        decodedSize.width * decodedSize.height * 4 * render.frames +
        pixels * STRIP_BYTES_PER_PIXEL * (render.encodes > 1 ? 2 : 1),
    ),
    cpuSeconds:
      BASE_SECONDS +
      ((frames * codedPixels) / 1e6) * decodeSecondsPerMegapixel(coded) +
      render.encodes *
        ((pixels / 1e6) * encoder.secondsPerMegapixel + render.frames * secondsPerFrame(source, render)),
  }
}

export interface AnimationClipCost {
  readonly format: ClipFormat
  readonly source: Size & { readonly format: SourceImageFormat }
  readonly size: Size
  readonly frames: {
    /** The number of frames that are held in memory. */
    readonly held: number
    /** The number of decoded frames. It counts the frames before each batch, which are decoded again. */
    readonly decoded: number
    readonly encoded: number
  }
}

/** The pixels of an animation that are decoded at a time for a clip: 96 MiB. */
const BATCH_PIXELS = 24 * MIB

/** Returns the number of frames that are decoded at a time for a clip of the given size. */
export function animationBatchFrames(
  source: Size & { readonly format: SourceImageFormat; readonly frames: number },
  size: Size,
): number {
  const { width, height } = isDecodedWhole(source) ? source : size
  return Math.min(source.frames, Math.max(1, Math.floor(BATCH_PIXELS / (width * height))))
}

/** Whether libvips decodes all requested frames before the first one is scaled. */
function isDecodedWhole({ format }: { readonly format: SourceImageFormat }): boolean {
  return format === 'webp'
}

/** Whether the frames are composed here and passed to libvips one by one, each in a pipeline of its own. */
function isPlayed({ format }: { readonly format: SourceImageFormat }): boolean {
  return format === 'png' || isHeif(format)
}

/**
 * Predicts the cost of a clip of an animated image: its frames are decoded in batches, then encoded one by
 * one.
 */
export function predictAnimationClip({ format, source, size, frames }: AnimationClipCost): Cost {
  const [sourcePixels, pixels] = [source.width * source.height, size.width * size.height]
  const { secondsPerDrawnMegapixel, bytesPerPixel } = CLIP_ENCODERS[format]
  return {
    memoryBytes: Math.ceil(
      CLIP_BASE_BYTES +
        pixels * (STRIP_BYTES_PER_PIXEL * frames.held + bytesPerPixel) +
        sourcePixels * (source.format === 'png' ? PLAYED_BYTES_PER_PIXEL : HELD_BYTES_PER_PIXEL) +
        (isDecodedWhole(source) ? 4 * sourcePixels * frames.held : 0),
    ),
    cpuSeconds:
      BASE_SECONDS +
      (isPlayed(source) ? frames.decoded * PLAYED_FRAME_SECONDS : 0) +
      (frames.decoded * sourcePixels * FRAME_SECONDS_PER_MEGAPIXEL +
        frames.encoded * pixels * secondsPerDrawnMegapixel) /
        1e6,
  }
}

/** Returns the CPU seconds to decode one megapixel of video. That of other codecs is measured on HEVC and AV1. */
function decodeSecondsPerMegapixel({ codec }: CodedVideo): number {
  return codec === 'h264' ? 0.004 : 0.008
}

/** The CPU seconds that a mebibyte adds to this, measured on HEVC of 10 bits and 10 to 20 Mbit/s. */
const DECODE_SECONDS_PER_MIB = 0.15
/** Measured on HLG and PQ at full size. The filters hold a few frames of 32-bit floating-point RGB. */
const TONE_MAP = { secondsPerMegapixel: 0.025, bytesPerPixel: 48 }
const NO_TONE_MAP: typeof TONE_MAP = { secondsPerMegapixel: 0, bytesPerPixel: 0 }
/** The CPU seconds to decode and scale one megapixel of an animation's frame. */
const FRAME_SECONDS_PER_MEGAPIXEL = 0.06
/** The CPU seconds of such a frame in addition, measured on an animated PNG of 1,000 frames of 64x64 pixels. */
const PLAYED_FRAME_SECONDS = 0.003
/** Audio, the index, and the bytes that have been written. */
const CLIP_BASE_BYTES = 96 * MIB

/** The costs per frame. Those of an animated image are drawn, and are encoded at a slower preset. */
const CLIP_ENCODERS: Readonly<Record<ClipFormat, ClipEncoder>> = {
  mp4: { secondsPerMegapixel: 0.02, secondsPerDrawnMegapixel: 0.12, bytesPerPixel: 100 },
  webm: { secondsPerMegapixel: 0.05, secondsPerDrawnMegapixel: 0.8, bytesPerPixel: 80 },
}

interface ClipEncoder {
  readonly secondsPerMegapixel: number
  readonly secondsPerDrawnMegapixel: number
  /** The frames in the encoder's lookahead and its reference frames. */
  readonly bytesPerPixel: number
}
