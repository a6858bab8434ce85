/** A silent clip of an animated image: the same number of frames, each shown as long as in a browser. */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import type { MediaTime, Quality } from '@media-proxy/shared/request/media-request.ts'
import { shownMilliseconds } from '../image/animation-frames.ts'
import { frameOfPixels } from '../libav/frame-of-pixels.ts'
import type { Libav } from '../libav/load.ts'
import { framesOf, isTransparent, type Strip } from '../pixels/strip.ts'
import { openChain, videoFilterSource } from './chain.ts'
import { spanOf, startSecondsOf } from './clip-plan.ts'
import type { Encoder } from './encoder.ts'
import { openMuxer } from './muxer.ts'
import { createDurations, openVideoEncoder } from './video-encoder.ts'

export interface AnimationClipOptions {
  readonly format: ClipFormat
  readonly quality: Quality
  /** Where the clip starts. */
  readonly time: MediaTime | undefined
  /** The longest duration, in seconds. */
  readonly seconds: number
  readonly maxBytes: number
  /** Called with the encoded share, from 0 to 1. */
  readonly reportProgress: (share: number) => void
}

/** Frame delays of images are milliseconds, so the clip has the same time base. */
const TICKS_PER_SECOND = 1000
const UNIT = { num: 1, den: TICKS_PER_SECOND }

/** Encodes an animation. Its sides are already even. */
export function encodeAnimation(libav: Libav, strip: Strip, options: AnimationClipOptions): Buffer {
  const { constants } = libav
  const { width, height } = strip
  const { format, quality, maxBytes } = options
  const hasAlpha = format === 'webm' && isTransparent(strip)
  const shown = framesToShow(strip, options)
  const totalMs = shown.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  using muxer = openMuxer(libav, format)
  using encoder = openVideoEncoder(libav, {
    ...{ format, quality, hasAlpha, size: { width, height }, timeBase: UNIT },
    frameRate: (shown.length * TICKS_PER_SECOND) / Math.max(1, totalMs),
    isAnimation: true,
    isUneven: isUneven(shown),
  })
  using chain = openChain(libav, {
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
  for (const { pixels, milliseconds } of shown) {
    if (muxer.sizeBytes >= maxBytes) break
    using frame = frameOfPixels(libav, hasAlpha ? pixels : onWhite(pixels), {
      ...{ width, height, format: constants.AV_PIX_FMT_RGBA, timeBase: UNIT },
    })
    frame.pts = BigInt(at)
    durations.set(BigInt(at), BigInt(milliseconds))
    chain.push(frame, (converted) => encoder.encode(converted, write))
    at += milliseconds
    options.reportProgress(at / totalMs)
  }
  encoder.drain(write)
  return muxer.finish()
}

interface ShownFrame {
  readonly pixels: Buffer
  readonly milliseconds: number
}

/** Returns the frames of the requested part. The first and the last one are shortened to it. */
function framesToShow(
  strip: Strip,
  { time, seconds }: Pick<AnimationClipOptions, 'time' | 'seconds'>,
): readonly ShownFrame[] {
  const frames = framesOf(strip)
  const delays = frames.map((_, index) => shownMilliseconds(strip.timing.delay?.[index]))
  const durationSeconds = delays.reduce((sum, delay) => sum + delay, 0) / 1000
  const span = spanOf({ startSeconds: startSecondsOf(time, durationSeconds), seconds, durationSeconds })
  const [startMs, endMs] = [span.startSeconds * 1000, span.endSeconds * 1000]
  const shown: ShownFrame[] = []
  let at = 0
  for (const [index, frame] of frames.entries()) {
    const from = Math.max(at, startMs)
    at += delays[index] ?? 0
    const milliseconds = Math.round(Math.min(at, endMs) - from)
    const pixels = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    if (milliseconds > 0) shown.push({ pixels, milliseconds })
  }
  return shown
}

/**
 * The largest ratio of delays that still counts as even. With nearly equal delays a frame is a hundredth of a
 * second off at the end, and a sixth of the bytes is saved.
 */
const EVEN_RATIO = 1.5

function isUneven(shown: readonly ShownFrame[]): boolean {
  const times = shown.map(({ milliseconds }) => milliseconds)
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
