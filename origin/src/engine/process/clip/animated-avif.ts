/** Encodes animations as AVIF, which Sharp cannot do: AV1 by SVT, with the alpha as a second track. */

import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { Frame } from 'node-av/lib'
import { type Encoder, openEncoder } from '../libav/encoder.ts'
import { type FilterChain, openFilterChain, videoFilterSource } from '../libav/filter-chain.ts'
import { frameOfPixels } from '../libav/frame-of-pixels.ts'
import type { Libav } from '../libav/load.ts'
import { shownMilliseconds } from '../pixels/delays.ts'
import { framesOf, isTransparent, type Strip } from '../pixels/strip.ts'
import { openMuxer } from './muxer.ts'
import { createDurations } from './video-encoder.ts'

const TICKS_PER_SECOND = 1000
const UNIT = { num: 1, den: TICKS_PER_SECOND }
/** The encoder's preset, 0..13. Two steps faster takes two thirds of the time and a seventh more bytes. */
const PRESET = 6
/**
 * The frames between two key frames: as few key frames as possible, because an animation plays from its
 * start.
 */
const KEY_INTERVAL = 1000

/** Encodes an animation with the delays of its frames. Its sides are at least `ANIMATED_AVIF_SIDE` pixels. */
export function encodeAnimatedAvif(
  libav: Libav,
  strip: Strip,
  quality: Exclude<Quality, 'lossless'>,
): Buffer {
  const { constants } = libav
  const { width, height, timing } = strip
  using muxer = openMuxer(libav, 'avif', { loop: Math.min(timing.loop ?? 0, MAX_LOOPS) })
  const kinds = isTransparent(strip.data) ? (['colour', 'alpha'] as const) : (['colour'] as const)
  using stack = new DisposableStack()
  const tracks = kinds.map((kind) => {
    const track = stack.use(openTrack(libav, strip, kind, quality))
    return { track, muxed: muxer.addEncoded(track.encoder.context, { isMask: kind === 'alpha' }) }
  })
  muxer.begin()
  const writers = tracks.map(({ track, muxed }) => ({
    track,
    write: (packet: Parameters<Parameters<Encoder['drain']>[0]>[0]) => {
      track.durations.give(packet)
      muxed.write(packet, UNIT)
    },
  }))
  let at = 0
  for (const [index, frame] of framesOf(strip).entries()) {
    const milliseconds = shownMilliseconds(timing.delay?.[index])
    const pixels = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    using avFrame = frameOfPixels(libav, pixels, {
      width,
      height,
      format: constants.AV_PIX_FMT_RGBA,
      timeBase: UNIT,
    })
    avFrame.pts = BigInt(at)
    for (const { track, write } of writers) {
      track.durations.set(BigInt(at), BigInt(milliseconds))
      track.chain.push(avFrame, (converted: Frame) => track.encoder.encode(converted, write))
    }
    at += milliseconds
  }
  for (const { track, write } of writers) track.encoder.drain(write)
  return muxer.finish()
}

/** The highest loop count of the muxer. An animated PNG may have a higher one. */
const MAX_LOOPS = 2 ** 31 - 1

/** The smallest side that the encoder accepts, in pixels. */
export const ANIMATED_AVIF_SIDE = 16

interface Track extends Disposable {
  readonly encoder: Encoder
  readonly chain: FilterChain
  readonly durations: ReturnType<typeof createDurations>
}

function openTrack(libav: Libav, { width, height }: Strip, kind: 'colour' | 'alpha', quality: number): Track {
  const { library, constants } = libav
  using stack = new DisposableStack()
  const encoder = openEncoder(libav, 'libsvtav1', (context) => {
    context.width = width
    context.height = height
    context.pixelFormat = constants.AV_PIX_FMT_YUV420P
    context.timeBase = new library.Rational(UNIT.num, UNIT.den)
    context.framerate = new library.Rational(USUAL_RATE, 1)
    context.gopSize = KEY_INTERVAL
    context.threadCount = 1
    context.colorSpace = constants.AVCOL_SPC_BT709
    context.colorPrimaries = constants.AVCOL_PRI_BT709
    context.colorTrc = constants.AVCOL_TRC_IEC61966_2_1
    // Chromium shows full-range colours too dark in animations.
    context.colorRange = kind === 'alpha' ? constants.AVCOL_RANGE_JPEG : constants.AVCOL_RANGE_MPEG
    context.setOption('crf', Math.round(rateFactor(quality)))
    context.setOption('preset', PRESET)
    // A single thread, so that the same animation gives the same bytes everywhere.
    context.setOption('svtav1-params', 'lp=1')
  })
  stack.use(encoder)
  const chain = openFilterChain(libav, {
    kind: 'video',
    source: videoFilterSource({ width, height, format: constants.AV_PIX_FMT_RGBA }, TICKS_PER_SECOND),
    filters: [
      ...(kind === 'alpha' ? ['alphaextract'] : []),
      `scale=flags=bicubic+full_chroma_int+accurate_rnd:out_color_matrix=bt709:out_range=${kind === 'alpha' ? 'full' : 'limited'}`,
      'format=yuv420p',
    ],
  })
  stack.use(chain)
  const opened = stack.move()
  return { encoder, chain, durations: createDurations(), [Symbol.dispose]: () => opened.dispose() }
}

/**
 * The frame rate that the encoder plans its bit rate with. The timestamps determine how long frames are
 * shown.
 */
const USUAL_RATE = 30

/**
 * Returns the rate factor for a quality on the WebP and JPEG scale, 1..100, linear between the points. At 80
 * it scores like WebP, at a fifth of its bytes (SSIMULACRA2 on animations of drawings and of filmed footage).
 */
function rateFactor(quality: number): number {
  const [low, high] = quality <= 80 ? ([1, 80] as const) : ([80, 100] as const)
  const [worst, best] = quality <= 80 ? ([63, 40] as const) : ([40, 10] as const)
  return worst + ((quality - low) / (high - low)) * (best - worst)
}
