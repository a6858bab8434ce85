/** The frame that is shown at a moment: libav seeks to a key frame before it and decodes up to it. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Frame as NativeFrame, Stream } from 'node-av/lib'
import type { VideoCodec } from '../container/codecs.ts'
import type { VideoInfo } from '../container/container.ts'
import type { Frame } from '../container/video-decoder.ts'
import { decoderOf } from './codec-names.ts'
import { type Decoder, openDecoder } from './decoder.ts'
import type { Demuxer } from './formats.ts'
import type { Libav } from './load.ts'
import type { ReadFrameOptions } from './open.ts'
import { createPainter } from './painter.ts'

export interface ShownFrameReader extends Disposable {
  read(atSeconds: number | undefined, options: ReadFrameOptions): Frame | Failure
}

export interface ShownFrameOptions {
  readonly context: FormatContext
  readonly stream: Stream
  readonly demuxer: Demuxer
  readonly video: VideoInfo
}

/**
 * How far before the moment the search for a key frame begins, in seconds, one after the other: a container
 * without an index lands on any frame, and a decoder shows none before the next key frame.
 */
const LOOK_BACK_SECONDS = [0, 2, 8, 32] as const
/** Coded frames that are read for one answer: two minutes of usual video behind one key frame. */
const MAX_FRAMES = 3600

/** Makes a reader for a file whose streams are known. The caller disposes of it before the file. */
export function createShownFrameReader(libav: Libav, options: ShownFrameOptions): ShownFrameReader {
  const { context, stream, demuxer, video } = options
  const { library, constants } = libav
  const secondsPerTick = stream.timeBase.num / stream.timeBase.den
  const startTicks = startOf(options, libav)
  const { num, den } = stream.avgFrameRate
  const ticksPerPicture = num > 0 ? BigInt(Math.max(1, Math.round(den / num / secondsPerTick))) : 1n
  const shown = new library.Frame()
  shown.alloc()
  let shownTick = 0n
  let decoder: Decoder | undefined
  let decoderPixels = 0

  function decoderFor(maxPixels: number): Decoder | Failure {
    if (decoder !== undefined && decoderPixels === maxPixels) return decoder
    decoder?.[Symbol.dispose]()
    decoder = undefined
    const name = codecOf(libav, options)
    const codec = name && decoderOf(libav, name, video.hasAlpha ? 'with alpha' : undefined)
    if (codec === undefined) return fail('unsupported-codec', 'video codec')
    const opened = openDecoder(libav, {
      codec,
      parameters: stream.codecpar,
      maxPixels,
      timeBase: stream.timeBase,
    })
    if (isFailure(opened)) return opened
    decoder = opened
    decoderPixels = maxPixels
    return opened
  }

  /** Goes to a key frame at or before a time, in ticks of the stream. */
  function seek(ticks: bigint): boolean {
    return context.seekFrameSync(stream.index, ticks, constants.AVSEEK_FLAG_BACKWARD) >= 0
  }

  /** Streams without an index are searched by their clock, which skips the first key frame. */
  function seekToStart(): void {
    if (!demuxer.hasIndex && context.seekFrameSync(stream.index, 0n, constants.AVSEEK_FLAG_BYTE) >= 0) return
    if (seek(startTicks)) return
    context.seekFrameSync(stream.index, 0n, constants.AVSEEK_FLAG_BYTE)
  }

  /** When a picture is shown; of AVI, which has no such times, the last ones are one picture after the other. */
  function tickOf(picture: NativeFrame, before: bigint | undefined): bigint {
    if (picture.bestEffortTimestamp !== constants.AV_NOPTS_VALUE) return picture.bestEffortTimestamp
    return before === undefined ? startTicks : before + ticksPerPicture
  }

  /**
   * Decodes from where the file stands up to the frame of a time and leaves it in `shown`; tells whether there is
   * one, and whether it is early enough.
   */
  function decodeUpTo(from: Decoder, lastTick: bigint | undefined): 'found' | 'late' | 'none' {
    let state: 'found' | 'late' | 'none' = 'none'
    let done = false
    let before: bigint | undefined
    const onPicture = (picture: NativeFrame) => {
      if (done) return
      const tick = tickOf(picture, before)
      before = tick
      const late = lastTick === undefined ? state !== 'none' : tick > lastTick
      if (late && state !== 'none') {
        done = true
        return
      }
      shown.unref()
      shown.ref(picture)
      shownTick = tick
      state = late ? 'late' : 'found'
      done = late || lastTick === undefined
    }
    using packet = new library.Packet()
    packet.alloc()
    from.restart()
    let keySeen = false
    for (let frames = 0; frames < MAX_FRAMES && !done; ) {
      if (context.readFrameSync(packet) < 0) {
        from.drain(onPicture)
        break
      }
      if (packet.streamIndex === stream.index) {
        frames += 1
        keySeen ||= packet.isKeyframe
        if (keySeen) from.decode(packet, onPicture)
      }
      packet.unref()
    }
    return state
  }

  /** Where the file marks no key frame at all, whatever decodes from the start. */
  function find(from: Decoder, atSeconds: number | undefined): boolean {
    if (atSeconds === undefined) {
      seekToStart()
      return decodeUpTo(from, undefined) !== 'none'
    }
    const lastTick = startTicks + BigInt(Math.floor(atSeconds / secondsPerTick + ROUNDING))
    for (const back of LOOK_BACK_SECONDS) {
      const target = lastTick - BigInt(Math.ceil(back / secondsPerTick))
      if (target <= startTicks) break
      if (seek(target) && decodeUpTo(from, lastTick) === 'found') return true
    }
    seekToStart()
    return decodeUpTo(from, lastTick) !== 'none'
  }

  for (const other of context.streams) {
    if (other.index !== stream.index) other.discard = constants.AVDISCARD_ALL
  }

  return {
    read(atSeconds, { size, maxPixels }) {
      const opened = decoderFor(maxPixels)
      if (isFailure(opened)) return opened
      if (!find(opened, atSeconds)) return fail('undecodable', `${demuxer.name}: no frame decodes`)
      using painter = createPainter(libav, { video, size })
      const pixels = painter.paint(shown)
      const timestampSeconds = Math.max(0, Number(shownTick - startTicks) * secondsPerTick)
      shown.unref()
      return isFailure(pixels) ? pixels : { ...pixels, timestampSeconds }
    },
    [Symbol.dispose]() {
      decoder?.[Symbol.dispose]()
      shown.free()
    },
  }
}

/** A moment that was computed from a tick still means that tick. */
const ROUNDING = 1e-3
const MICROSECONDS = 1_000_000

/** The tick of the stream that is shown at 0. */
function startOf({ context, stream, demuxer }: ShownFrameOptions, { constants }: Libav): bigint {
  if (!demuxer.startsAnywhere || context.startTime === constants.AV_NOPTS_VALUE) return 0n
  const { num, den } = stream.timeBase
  return BigInt(Math.round((Number(context.startTime) * den) / (num * MICROSECONDS)))
}

function codecOf({ library }: Libav, { stream, video }: ShownFrameOptions): VideoCodec | 'flv1' | undefined {
  if (library.avGetCodecName(stream.codecpar.codecId) === 'flv1') return 'flv1'
  return video.codec === 'hidden' ? undefined : video.codec
}
