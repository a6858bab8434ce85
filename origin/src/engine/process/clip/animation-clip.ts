/** A silent clip of an animated image: the same frames, each shown as long as in a browser. */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import type { MediaTime, Quality } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import { freeBuffer } from '../../../streams/free-buffer.ts'
import type { FrameRange } from '../image/render-animation.ts'
import { selectFrames, type TimedFrame } from '../image/thin-frames.ts'
import type { Encoder } from '../libav/encoder.ts'
import { openFilterChain, videoFilterSource } from '../libav/filter-chain.ts'
import { frameOfPixels } from '../libav/frame-of-pixels.ts'
import type { Libav } from '../libav/load.ts'
import { framesOf, isTransparent, type Strip } from '../pixels/strip.ts'
import { spanOf, startSecondsOf } from './clip-plan.ts'
import { openMuxer } from './muxer.ts'
import { createDurations, openVideoEncoder } from './video-encoder.ts'

export interface AnimationSpan {
  /** Where the clip starts. */
  readonly time: MediaTime | undefined
  /** The longest duration, in seconds. */
  readonly seconds: number
  /** The highest frame rate. Undefined keeps all frames. */
  readonly fps: number | undefined
}

export interface AnimationClipOptions {
  readonly format: ClipFormat
  readonly quality: Quality
  /** The size of the frames. Both sides are even. */
  readonly size: Size
  /** The frames to show, as `framesToShow` returns them. */
  readonly shown: readonly TimedFrame[]
  /** The ranges in which they are decoded, as `rangesOf` returns them. */
  readonly ranges: readonly FrameRange[]
  /**
   * Decodes frames of the animation. A result with fewer frames than requested ends the clip, and so does a
   * failure, except at the first frame.
   */
  readonly decode: (range: FrameRange) => Promise<Strip | Failure>
  readonly maxBytes: number
  /** Called with the encoded share, from 0 to 1. */
  readonly reportProgress: (share: number) => void
}

/** Frame delays of images are milliseconds, so the clip has the same time base. */
const TICKS_PER_SECOND = 1000
const UNIT = { num: 1, den: TICKS_PER_SECOND }

/** Encodes an animation. Fails with the failures of decoding its first frame. Throws what libav rejects. */
export async function encodeAnimation(
  libav: Libav,
  animation: AnimationClipOptions,
): Promise<Buffer | Failure> {
  const { constants } = libav
  const options = await withKeptFrames(animation)
  const { format, quality, size, shown, maxBytes } = options
  const { width, height } = size
  const hasAlpha = format === 'webm' && (await hasTransparency(options))
  if (isFailure(hasAlpha)) return hasAlpha
  const totalMs = shown.reduce((sum, { shownMs }) => sum + shownMs, 0)
  using muxer = openMuxer(libav, format)
  using encoder = openVideoEncoder(libav, {
    format,
    quality,
    hasAlpha,
    size: { width, height },
    timeBase: UNIT,
    frameRate: (shown.length * TICKS_PER_SECOND) / Math.max(1, totalMs),
    isAnimation: true,
    isUneven: isUneven(shown),
  })
  using chain = openFilterChain(libav, {
    kind: 'video',
    source: videoFilterSource({ width, height, format: constants.AV_PIX_FMT_RGBA }, TICKS_PER_SECOND),
    filters: [
      'scale=flags=bicubic+full_chroma_int+accurate_rnd:out_color_matrix=bt709:out_range=limited',
      `format=${hasAlpha ? 'yuva420p' : 'yuv420p'}`,
    ],
  })
  const muxed = muxer.addEncoded(encoder.context, { hasAlpha })
  muxer.begin()
  const durations = createDurations()
  const write: Parameters<Encoder['drain']>[0] = (packet) => {
    durations.give(packet)
    muxed.write(packet, UNIT)
  }
  let at = 0
  for await (const decoded of decodedFrames(options)) {
    if (isFailure(decoded) && at === 0) return decoded
    if (isFailure(decoded) || muxer.sizeBytes >= maxBytes) break
    const { pixels, shownMs } = decoded
    using frame = frameOfPixels(libav, hasAlpha ? pixels : onWhite(pixels), {
      width,
      height,
      format: constants.AV_PIX_FMT_RGBA,
      timeBase: UNIT,
    })
    frame.pts = BigInt(at)
    durations.set(BigInt(at), BigInt(shownMs))
    chain.push(frame, (converted) => encoder.encode(converted, write))
    at += shownMs
    options.reportProgress(at / totalMs)
  }
  encoder.drain(write)
  return muxer.finish()
}

/**
 * Returns the frames of the requested part, and how long each is shown in it. `durations` are those of all
 * frames, in milliseconds. The first and the last frame are shortened to the part.
 */
export function framesToShow(
  durations: readonly number[],
  { time, seconds, fps }: AnimationSpan,
): readonly TimedFrame[] {
  const durationSeconds = durations.reduce((sum, milliseconds) => sum + milliseconds, 0) / 1000
  const span = spanOf({ startSeconds: startSecondsOf(time, durationSeconds), seconds, durationSeconds })
  const [startMs, endMs] = [span.startSeconds * 1000, span.endSeconds * 1000]
  const shown: TimedFrame[] = []
  let at = 0
  for (const { index, shownMs } of selectFrames(durations, fps)) {
    const from = Math.max(at, startMs)
    at += shownMs
    const inPart = Math.round(Math.min(at, endMs) - from)
    if (inPart > 0) shown.push({ index, shownMs: inPart })
  }
  return shown
}

/** Divides frames into the ranges in which they are decoded, each of at most `maxFrames` frames. */
export function rangesOf(shown: readonly TimedFrame[], maxFrames: number): readonly FrameRange[] {
  const ranges: FrameRange[] = []
  for (const { index } of shown) {
    const last = ranges.at(-1)
    if (last !== undefined && index < last.from + maxFrames)
      ranges[ranges.length - 1] = { from: last.from, to: index + 1 }
    else ranges.push({ from: index, to: index + 1 })
  }
  return ranges
}

type DecodingOptions = Pick<AnimationClipOptions, 'shown' | 'ranges' | 'decode'>

/** Decodes a single range at once, because its frames may be read twice. */
async function withKeptFrames(options: AnimationClipOptions): Promise<AnimationClipOptions> {
  const [range, ...others] = options.ranges
  if (range === undefined || others.length > 0) return options
  const kept = await options.decode(range)
  return { ...options, decode: async () => kept }
}

interface DecodedFrame {
  readonly pixels: Buffer
  readonly shownMs: number
}

/**
 * Decodes the shown frames, as many at a time as fit in memory. Ends after a failure, or before a missing
 * frame.
 */
async function* decodedFrames({
  shown,
  ranges,
  decode,
}: DecodingOptions): AsyncGenerator<DecodedFrame | Failure, void, void> {
  for (const { from, to } of ranges) {
    const strip = await decode({ from, to })
    if (isFailure(strip)) {
      yield strip
      return
    }
    const frames = framesOf(strip)
    for (const { index, shownMs } of shown) {
      if (index < from || index >= to) continue
      const frame = frames[index - from]
      if (frame === undefined) return
      yield { pixels: Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength), shownMs }
    }
    // The next frames need as much memory. The frames of a single range may be read again.
    if (ranges.length > 1) freeBuffer(strip.data)
  }
}

/** Returns whether any shown pixel is transparent. A GIF only declares that its pixels may be. */
async function hasTransparency(options: DecodingOptions): Promise<boolean | Failure> {
  let isFirst = true
  for await (const decoded of decodedFrames(options)) {
    if (isFailure(decoded)) return isFirst ? decoded : false
    if (isTransparent(decoded.pixels)) return true
    isFirst = false
  }
  return false
}

/**
 * The largest ratio of delays that still counts as even. With nearly equal delays a frame is a hundredth of a
 * second off at the end, and a sixth of the bytes is saved.
 */
const EVEN_RATIO = 1.5

function isUneven(shown: readonly TimedFrame[]): boolean {
  const times = shown.map(({ shownMs }) => shownMs)
  return Math.max(...times) > EVEN_RATIO * Math.min(...times)
}

const OPAQUE = 255

/** Returns an opaque copy, blended over white. */
function onWhite(rgba: Buffer): Buffer {
  const opaque = Buffer.from(rgba)
  for (let at = 0; at < opaque.length; at += 4) {
    const alpha = opaque[at + 3] ?? OPAQUE
    if (alpha === OPAQUE) continue
    for (let channel = at; channel < at + 3; channel += 1)
      opaque[channel] = Math.round(((opaque[channel] ?? 0) * alpha) / OPAQUE + OPAQUE - alpha)
    opaque[at + 3] = OPAQUE
  }
  return opaque
}
