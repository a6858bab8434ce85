/**
 * The video encoders and their settings. Measured on two cores: processor milliseconds per megapixel,
 * kilobits per second and SSIMULACRA2.
 */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { IRational, Packet } from 'node-av/lib'
import type { Size } from '../../../media/size.ts'
import { CLIP_THREADS } from '../../clip-threads.ts'
import { type Encoder, openEncoder } from '../libav/encoder.ts'
import type { Libav } from '../libav/load.ts'

export interface VideoEncoderOptions {
  readonly format: ClipFormat
  readonly size: Size
  /** The time base of the frames. */
  readonly timeBase: IRational
  /** The approximate frame rate, which the encoder plans with. */
  readonly frameRate: number
  readonly quality: Quality
  /**
   * Whether the frames are drawn, with flat colours and hard edges or the dither of a GIF. Such clips have
   * few frames, so a slower setting is affordable.
   */
  readonly isAnimation: boolean
  /** Whether frames are shown for unequal times. */
  readonly isUneven?: boolean
  readonly hasAlpha: boolean
}

/** The distance between key frames, in seconds. A player seeks to the key frame before a moment. */
const KEY_FRAME_SECONDS = 2

/** Opens the video encoder of a format. The caller disposes of it. */
export function openVideoEncoder(libav: Libav, options: VideoEncoderOptions): Encoder {
  const { library, constants } = libav
  const { format, size, timeBase, frameRate, quality, isAnimation, isUneven = false, hasAlpha } = options
  return openEncoder(libav, format === 'mp4' ? 'libx264' : 'libvpx-vp9', (context) => {
    context.width = size.width
    context.height = size.height
    context.pixelFormat = hasAlpha ? constants.AV_PIX_FMT_YUVA420P : constants.AV_PIX_FMT_YUV420P
    context.timeBase = new library.Rational(timeBase.num, timeBase.den)
    context.framerate = new library.Rational(Math.round(frameRate * RATE_UNITS), RATE_UNITS)
    context.gopSize = Math.max(1, Math.round(frameRate * KEY_FRAME_SECONDS))
    context.threadCount = CLIP_THREADS
    context.colorSpace = constants.AVCOL_SPC_BT709
    context.colorPrimaries = constants.AVCOL_PRI_BT709
    context.colorTrc = constants.AVCOL_TRC_BT709
    context.colorRange = constants.AVCOL_RANGE_MPEG
    const level = quality === 'lossless' ? 100 : quality
    const settings =
      format === 'mp4' ? x264(level, { isAnimation, isUneven }) : vp9(level, isAnimation, hasAlpha)
    for (const [name, value] of Object.entries(settings)) context.setOption(name, value)
    if (format === 'webm') context.bitRate = 0n
  })
}

const RATE_UNITS = 1000

function x264(
  level: number,
  { isAnimation, isUneven }: Required<Pick<VideoEncoderOptions, 'isAnimation' | 'isUneven'>>,
): Readonly<Record<string, string | number>> {
  return {
    profile: 'high',
    crf: between(isAnimation ? X264_ANIMATION : X264_VIDEO, level),
    preset: isAnimation ? 'medium' : 'veryfast',
    ...(isAnimation ? { tune: 'animation' } : {}),
    // MP4 derives how long frames are shown from their decoding times. With reordered frames, unequal times
    // would come out wrong.
    ...(isUneven ? { bf: 0 } : {}),
    // x264's assembly for its macroblock tree produces different bytes in about one of a hundred runs, but a
    // strong ETag needs the same ones.
    'x264-params': 'cpu-independent=1',
  }
}

function vp9(
  level: number,
  isAnimation: boolean,
  hasAlpha: boolean,
): Readonly<Record<string, string | number>> {
  return {
    crf: Math.round(between(isAnimation ? VP9_ANIMATION : VP9_VIDEO, level)),
    deadline: isAnimation ? 'good' : 'realtime',
    'cpu-used': isAnimation ? 2 : 6,
    'row-mt': 1,
    'tile-columns': 1,
    // Frames that are not shown have no alpha stored alongside them.
    ...(hasAlpha ? { 'auto-alt-ref': 0 } : {}),
  }
}

/** The rate factors of the encoders by quality on the WebP and JPEG scale, linear between the points. */
type Scale = readonly (readonly [quality: number, factor: number])[]

const X264_VIDEO: Scale = [
  [1, 45],
  [20, 36],
  [80, 24],
  [100, 16],
]
const X264_ANIMATION: Scale = [
  [1, 45],
  [20, 37],
  [80, 29],
  [100, 16],
]
const VP9_VIDEO: Scale = [
  [1, 63],
  [20, 52],
  [80, 34],
  [100, 18],
]
const VP9_ANIMATION: Scale = [
  [1, 63],
  [20, 54],
  [80, 42],
  [100, 18],
]

function between(scale: Scale, quality: number): number {
  const above = scale.findIndex(([point]) => point >= quality)
  const [high, low] = [scale[above], scale[Math.max(0, above - 1)]]
  if (high === undefined || low === undefined) throw new RangeError(`quality ${quality}`)
  const span = high[0] - low[0]
  return span === 0 ? high[1] : low[1] + ((quality - low[0]) / span) * (high[1] - low[1])
}

/**
 * Sets the duration of each packet from its frame, because encoders lose it. Without it, the last frame would
 * have no duration.
 */
export function createDurations() {
  const durations = new Map<bigint, bigint>()
  return {
    set: (at: bigint, duration: bigint) => void durations.set(at, duration),
    give(packet: Packet): void {
      const duration = durations.get(packet.pts)
      durations.delete(packet.pts)
      if (duration !== undefined) packet.duration = duration
    },
  }
}
