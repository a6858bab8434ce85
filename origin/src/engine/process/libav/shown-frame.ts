/** The frame that is shown at a moment: libav seeks to a key frame before it and decodes up to it. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Frame as NativeFrame, Packet, Stream } from 'node-av/lib'
import type { VideoCodec } from '../container/codecs.ts'
import type { VideoInfo } from '../container/container.ts'
import type { DecodeOptions, Frame } from '../container/video-decoder.ts'
import { decoderOf } from './codec-names.ts'
import { type Decoder, openDecoder } from './decoder.ts'
import type { Demuxer } from './formats.ts'
import type { Libav } from './load.ts'
import { createPainter } from './painter.ts'

export interface ShownFrameReader extends Disposable {
  read(atSeconds: number | undefined, options: DecodeOptions): Frame | Failure
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
  return new SeekingReader(libav, options)
}

class SeekingReader implements ShownFrameReader {
  readonly #libav: Libav
  readonly #options: ShownFrameOptions
  readonly #secondsPerTick: number
  readonly #startTicks: bigint
  readonly #ticksPerPicture: bigint
  /** What was found last, and when it is shown. */
  readonly #shown: NativeFrame
  #shownTick = 0n
  /** When the coded frame comes that was decoded first since the last search. */
  #firstTick = 0n
  #decoder: Decoder | undefined
  #decoderPixels = 0

  constructor(libav: Libav, options: ShownFrameOptions) {
    const { context, stream } = options
    this.#libav = libav
    this.#options = options
    this.#secondsPerTick = stream.timeBase.num / stream.timeBase.den
    this.#startTicks = startOf(options, libav)
    const { num, den } = stream.avgFrameRate
    this.#ticksPerPicture = num > 0 ? BigInt(Math.max(1, Math.round(den / num / this.#secondsPerTick))) : 1n
    this.#shown = new libav.library.Frame()
    this.#shown.alloc()
    for (const other of context.streams) {
      if (other.index !== stream.index) other.discard = libav.constants.AVDISCARD_ALL
    }
  }

  read(atSeconds: number | undefined, { video, size, maxPixels }: DecodeOptions): Frame | Failure {
    const { demuxer } = this.#options
    const decoder = this.#decoderFor(maxPixels)
    if (isFailure(decoder)) return decoder
    if (!this.#find(decoder, atSeconds)) return fail('undecodable', `${demuxer.name}: no frame decodes`)
    using painter = createPainter(this.#libav, { video, size })
    const pixels = painter.paint(this.#shown)
    const timestampSeconds = Math.max(0, Number(this.#shownTick - this.#startTicks) * this.#secondsPerTick)
    this.#shown.unref()
    return isFailure(pixels) ? pixels : { ...pixels, timestampSeconds }
  }

  [Symbol.dispose](): void {
    this.#decoder?.[Symbol.dispose]()
    this.#shown.free()
  }

  #decoderFor(maxPixels: number): Decoder | Failure {
    if (this.#decoder !== undefined && this.#decoderPixels === maxPixels) return this.#decoder
    this.#decoder?.[Symbol.dispose]()
    this.#decoder = undefined
    const { stream, video } = this.#options
    const name = codecOf(this.#libav, this.#options)
    const codec = name && decoderOf(this.#libav, name, video.hasAlpha ? 'with alpha' : undefined)
    if (codec === undefined) return fail('unsupported-codec', 'video codec')
    const { codecpar: parameters, timeBase } = stream
    const opened = openDecoder(this.#libav, { codec, parameters, maxPixels, timeBase })
    if (isFailure(opened)) return opened
    this.#decoder = opened
    this.#decoderPixels = maxPixels
    return opened
  }

  /** Where the file marks no key frame at all, whatever decodes from the start. */
  #find(decoder: Decoder, atSeconds: number | undefined): boolean {
    if (atSeconds === undefined) {
      this.#seekToStart()
      return this.#decodeUpTo(decoder, undefined) !== 'none'
    }
    const lastTick = this.#startTicks + BigInt(Math.floor(atSeconds / this.#secondsPerTick + ROUNDING))
    for (const back of LOOK_BACK_SECONDS) {
      const target = lastTick - BigInt(Math.ceil(back / this.#secondsPerTick))
      if (target <= this.#startTicks) break
      if (this.#seek(target) && this.#decodeUpTo(decoder, lastTick, 'from a key frame') === 'found')
        return true
    }
    this.#seekToStart()
    return this.#decodeUpTo(decoder, lastTick) !== 'none'
  }

  /** Goes to a key frame at or before a time, in ticks of the stream. */
  #seek(ticks: bigint): boolean {
    const { context, stream } = this.#options
    return context.seekFrameSync(stream.index, ticks, this.#libav.constants.AVSEEK_FLAG_BACKWARD) >= 0
  }

  /** Streams without an index are searched by their clock, which skips the first key frame. */
  #seekToStart(): void {
    const { context, stream, demuxer } = this.#options
    const { AVSEEK_FLAG_BYTE } = this.#libav.constants
    if (!demuxer.hasIndex && context.seekFrameSync(stream.index, 0n, AVSEEK_FLAG_BYTE) >= 0) return
    if (this.#seek(this.#startTicks)) return
    context.seekFrameSync(stream.index, 0n, AVSEEK_FLAG_BYTE)
  }

  /**
   * Decodes from where the file stands up to the frame of a time and leaves it in `#shown`; tells whether there is
   * one, and whether it is early enough. Writers mark frames as key that are none, and files without an index have no
   * marks: a picture that leans on others is no place to begin in the middle of a film.
   */
  #decodeUpTo(
    decoder: Decoder,
    lastTick: bigint | undefined,
    start?: 'from a key frame',
  ): 'found' | 'late' | 'none' {
    const { AV_PICTURE_TYPE_I } = this.#libav.constants
    let state: 'found' | 'late' | 'none' = 'none'
    let done = false
    let before: bigint | undefined
    const onPicture = (picture: NativeFrame) => {
      if (done) return
      if (start !== undefined && before === undefined && picture.pictType !== AV_PICTURE_TYPE_I) {
        done = true
        return
      }
      const tick = this.#tickOf(picture, before)
      before = tick
      const late = lastTick === undefined ? state !== 'none' : tick > lastTick
      if (late && state !== 'none') {
        done = true
        return
      }
      this.#shown.unref()
      this.#shown.ref(picture)
      this.#shownTick = tick
      state = late ? 'late' : 'found'
      done = late || lastTick === undefined
    }
    this.#decode(decoder, onPicture, () => done)
    return state
  }

  /** Gives the pictures behind the next key frame to `onPicture`, until there are enough or no more. */
  #decode(decoder: Decoder, onPicture: (picture: NativeFrame) => void, isDone: () => boolean): void {
    const { context, stream } = this.#options
    using packet = new this.#libav.library.Packet()
    packet.alloc()
    decoder.restart()
    let keySeen = false
    for (let frames = 0; frames < MAX_FRAMES && !isDone(); ) {
      if (context.readFrameSync(packet) < 0) {
        decoder.drain(onPicture)
        return
      }
      if (packet.streamIndex === stream.index) {
        frames += 1
        if (!keySeen) this.#firstTick = this.#timeOf(packet)
        keySeen ||= packet.isKeyframe
        if (keySeen) decoder.decode(packet, onPicture)
      }
      packet.unref()
    }
  }

  /** When a picture is shown; of AVI, which has no such times, the last ones are one picture after the other. */
  #tickOf(picture: NativeFrame, before: bigint | undefined): bigint {
    if (picture.bestEffortTimestamp !== this.#libav.constants.AV_NOPTS_VALUE)
      return picture.bestEffortTimestamp
    return before === undefined ? this.#firstTick : before + this.#ticksPerPicture
  }

  #timeOf({ pts, dts }: Packet): bigint {
    const { AV_NOPTS_VALUE } = this.#libav.constants
    if (pts !== AV_NOPTS_VALUE) return pts
    return dts === AV_NOPTS_VALUE ? this.#startTicks : dts
  }
}

/** A moment that was computed from a tick still means that tick. */
const ROUNDING = 1e-3
const MICROSECONDS = 1_000_000

/**
 * The tick of the stream that is shown at 0. A player leaves out the time before the first picture or sound of a cut from
 * something longer; of a broadcast, which may be cut anywhere, the time before the first picture.
 */
export function startOf({ context, stream, demuxer }: ShownFrameOptions, { constants }: Libav): bigint {
  const { AV_NOPTS_VALUE } = constants
  if (demuxer.startsWithPicture && stream.startTime !== AV_NOPTS_VALUE) return stream.startTime
  if (context.startTime === AV_NOPTS_VALUE) return 0n
  if (!demuxer.startsAnywhere && context.startTime < 0n) return 0n
  const { num, den } = stream.timeBase
  return BigInt(Math.round((Number(context.startTime) * den) / (num * MICROSECONDS)))
}

function codecOf({ library }: Libav, { stream, video }: ShownFrameOptions): VideoCodec | 'flv1' | undefined {
  if (library.avGetCodecName(stream.codecpar.codecId) === 'flv1') return 'flv1'
  return video.codec === 'hidden' ? undefined : video.codec
}
