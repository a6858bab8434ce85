/** The frame that is shown at a moment: libav seeks to a key frame before it and decodes up to it. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { AVSeekFlag } from 'node-av/constants'
import type { Frame as NativeFrame, Packet } from 'node-av/lib'
import type { VideoInfo } from '../container/container.ts'
import type { DecodeOptions, Frame } from '../container/video-decoder.ts'
import type { Decoder } from './decoder.ts'
import type { Libav } from './load.ts'
import { createPainter } from './painter.ts'
import { LOOK_BACK_SECONDS, leans } from './seek-to-picture.ts'
import { type StreamPlace, seekToStart, startOf } from './stream-start.ts'
import { openVideoDecoder } from './video-decoder.ts'

export interface ShownFrameReader extends Disposable {
  /** Decodes the first picture and keeps it for whoever asks for its frame; undefined where none decodes. The reader frees it. */
  readFirst(maxPixels: number): NativeFrame | undefined
  read(atSeconds: number | undefined, options: DecodeOptions): Frame | Failure
}

export interface ShownFrameOptions extends StreamPlace {
  /** The first packet of the file comes next. */
  readonly isAtStart: boolean
  /** It cannot be searched: its times go back. */
  readonly isEdited: boolean
  readonly video: VideoInfo
  /** As far as the container tells. */
  readonly durationSeconds: number | undefined
}

/**
 * What is decoded between a key frame and a moment that may be missed by some time, in coded pixels: ten frames of 1080p,
 * fifty of 480p.
 */
const NEAR_PIXELS = 20_000_000

/** How much later than it is decoded a frame may be shown: sixteen frames, of a film at eight a second. */
const REORDERED_SECONDS = 2

/** Makes a reader for a file whose streams are known. The caller disposes of it before the file. */
export function createShownFrameReader(libav: Libav, options: ShownFrameOptions): ShownFrameReader {
  return new SeekingReader(libav, options)
}

/** A decoded picture and when it is shown, in ticks of the stream. */
interface Decoded {
  readonly picture: NativeFrame
  readonly tick: bigint
}

/**
 * Remembers where it stands, so that of moments in order of time each frame is decoded once, however few key frames there
 * are.
 */
class SeekingReader implements ShownFrameReader {
  readonly #libav: Libav
  readonly #options: ShownFrameOptions
  readonly #secondsPerTick: number
  readonly #startTicks: bigint
  /** Where the film ends, as far as its container tells. */
  readonly #endTick: bigint | undefined
  readonly #ticksPerPicture: bigint
  /** The frame that was found last. */
  #shown: Decoded | undefined
  /** What the decoder gave beyond it, in order. */
  #ahead: Decoded[] = []
  /** When the coded frame is shown and decoded that the decoder got last: one of the two may be another frame's other one. */
  #lastFed: Pick<Packet, 'pts' | 'dts'> | undefined
  /** When the coded frame comes that was decoded first since the last search. */
  #firstTick = 0n
  /** The decoder has given all that it had. */
  #isDrained = false
  /** Nothing was read so far: the first packet comes next. */
  #isAtStart: boolean
  /** What was found last is the first picture of all, and the decoder got nothing else. */
  #isFirst = false
  /** Frames are marked as key frames that are none, or a search leads anywhere. */
  #marksLie: boolean
  #decoder: Decoder | undefined
  #decoderPixels = 0

  constructor(libav: Libav, options: ShownFrameOptions) {
    const { context, stream, durationSeconds } = options
    this.#libav = libav
    this.#options = options
    this.#isAtStart = options.isAtStart
    this.#marksLie = options.isEdited
    this.#secondsPerTick = stream.timeBase.num / stream.timeBase.den
    this.#startTicks = startOf(options, libav)
    this.#endTick =
      durationSeconds === undefined ? undefined : this.#startTicks + this.#ticksOf(durationSeconds)
    const { num, den } = stream.avgFrameRate
    this.#ticksPerPicture = num > 0 ? BigInt(Math.max(1, Math.round(den / num / this.#secondsPerTick))) : 1n
    for (const other of context.streams) {
      if (other.index !== stream.index) other.discard = libav.constants.AVDISCARD_ALL
    }
  }

  readFirst(maxPixels: number): NativeFrame | undefined {
    const decoder = this.#decoderFor(maxPixels)
    if (isFailure(decoder)) return undefined
    this.#findFirst(decoder)
    return this.#shown?.picture
  }

  read(atSeconds: number | undefined, options: DecodeOptions): Frame | Failure {
    const { demuxer } = this.#options
    const decoder = this.#decoderFor(options.maxPixels)
    if (isFailure(decoder)) return decoder
    this.#find(decoder, atSeconds, options.toleranceSeconds)
    if (this.#shown === undefined) return fail('undecodable', `${demuxer.name}: no frame decodes`)
    const { picture, tick } = this.#shown
    using painter = createPainter(this.#libav, options)
    const pixels = painter.paint(picture)
    const timestampSeconds = Math.max(0, Number(tick - this.#startTicks) * this.#secondsPerTick)
    return isFailure(pixels) ? pixels : { ...pixels, timestampSeconds }
  }

  [Symbol.dispose](): void {
    this.#forget()
    this.#decoder?.[Symbol.dispose]()
  }

  #decoderFor(maxPixels: number): Decoder | Failure {
    if (this.#decoder !== undefined && this.#decoderPixels === maxPixels) return this.#decoder
    this.#forget()
    this.#decoder?.[Symbol.dispose]()
    this.#decoder = undefined
    const { stream, video } = this.#options
    const opened = openVideoDecoder(this.#libav, { stream, video, maxPixels })
    if (isFailure(opened)) return opened
    this.#decoder = opened
    this.#decoderPixels = maxPixels
    return opened
  }

  /** Leaves in `#shown` what is shown at a moment; nothing where nothing decodes. */
  #find(decoder: Decoder, atSeconds: number | undefined, toleranceSeconds: number | undefined): void {
    const lastTick = this.#startTicks + this.#ticksOf(atSeconds ?? 0)
    if (atSeconds === undefined || lastTick <= this.#startTicks) {
      this.#findFirst(decoder)
      // What comes before 0 is not shown then.
      if (atSeconds === undefined || (this.#shown?.tick ?? lastTick) >= lastTick) return
    }
    if (this.#marksLie && this.#isBefore(lastTick)) {
      this.#advance(decoder, lastTick)
      return
    }
    // Far behind the end there is nothing to go back from.
    const from = this.#endTick === undefined || lastTick < this.#endTick ? lastTick : this.#endTick
    for (const back of this.#options.isEdited ? [] : LOOK_BACK_SECONDS) {
      const target = from - BigInt(Math.ceil(back / this.#secondsPerTick))
      if (target <= this.#startTicks) break
      if (this.#findFrom(decoder, target, lastTick, toleranceSeconds)) return
    }
    // Where the file marks no key frame at all, whatever decodes from the start.
    if (this.#beginAtStart(decoder)) this.#advance(decoder, lastTick)
  }

  /**
   * Finds the frame of a time from the key frame before `target` on, or from where the decoder stands where that is
   * nearer. False where that is no place to begin.
   */
  #findFrom(
    decoder: Decoder,
    target: bigint,
    lastTick: bigint,
    toleranceSeconds: number | undefined,
  ): boolean {
    if (!this.#seek(target)) return false
    using key = this.#nextPacket((packet) => packet.isKeyframe)
    if (key === undefined) return false
    const keyTick = this.#timeOf(key)
    const mayBeEarly = this.#mayBeEarly(keyTick, lastTick, toleranceSeconds)
    if (!mayBeEarly && this.#isBefore(lastTick) && keyTick <= (this.#shown?.tick ?? 0n)) {
      if (this.#resume()) {
        this.#advance(decoder, lastTick)
        return true
      }
      this.#forget()
      return this.#findFrom(decoder, target, lastTick, toleranceSeconds)
    }
    if (!this.#begin(decoder, key, lastTick)) return false
    if (!mayBeEarly) this.#advance(decoder, lastTick)
    return true
  }

  /** Leaves the first picture in `#shown`; nothing where none decodes. */
  #findFirst(decoder: Decoder): void {
    if (!this.#isFirst) this.#beginAtStart(decoder, 'alone')
  }

  /** Decodes the first picture. Alone means that none is decoded behind it, which whoever reads on needs. */
  #beginAtStart(decoder: Decoder, alone?: 'alone'): boolean {
    if (!this.#isAtStart) seekToStart(this.#options, this.#libav)
    using first = this.#nextPacket()
    if (first?.isKeyframe === false) {
      // Not all pictures are marked that stand alone.
      if (this.#begin(decoder, first) && this.#shown !== undefined) {
        if (!leans(this.#libav.constants, this.#shown.picture)) return true
      }
      seekToStart(this.#options, this.#libav)
    }
    using marked = first?.isKeyframe === false ? this.#nextPacket((packet) => packet.isKeyframe) : undefined
    const key = marked ?? first
    this.#isFirst = alone !== undefined && key !== undefined && this.#beginAlone(decoder, key)
    return this.#isFirst || this.#begin(decoder, key)
  }

  /**
   * Decodes a key frame and empties the decoder, which would wait for pictures behind it that come before. False where
   * that gives no picture, or one of two fields, of which the other may be in the next packet.
   */
  #beginAlone(decoder: Decoder, key: Packet): boolean {
    if (!this.#options.demuxer.hasIndex) return false
    this.#forget()
    decoder.restart()
    this.#firstTick = this.#timeOf(key)
    decoder.decode(key, (picture) => this.#keep(picture))
    decoder.drain((picture) => this.#keep(picture))
    const [first] = this.#ahead
    const isWhole =
      first !== undefined && (first.picture.flags & this.#libav.constants.AV_FRAME_FLAG_INTERLACED) === 0
    if (isWhole) this.#show()
    else this.#forget()
    return isWhole
  }

  /** Tells whether a key frame at `tick` stands for a moment, because it is dear to decode up to that. */
  #mayBeEarly(tick: bigint, lastTick: bigint, toleranceSeconds: number | undefined): boolean {
    if (toleranceSeconds === undefined || lastTick - tick > this.#ticksOf(toleranceSeconds)) return false
    const { codedWidth, codedHeight } = this.#options.video
    return Number((lastTick - tick) / this.#ticksPerPicture) * codedWidth * codedHeight > NEAR_PIXELS
  }

  /** Tells whether the frame of a time is the one at hand or comes behind it. */
  #isBefore(lastTick: bigint): boolean {
    return this.#shown !== undefined && this.#lastFed !== undefined && this.#shown.tick <= lastTick
  }

  /**
   * Decodes anew from a key frame on, up to the first picture, and leaves that in `#shown`. False where there is none, or,
   * with a time, none that is early enough to begin with. Writers mark frames as key that are none, and files without an
   * index have no marks: a picture that leans on others is no place to begin in the middle of a film.
   */
  #begin(decoder: Decoder, key: Packet | undefined, lastTick?: bigint): boolean {
    this.#forget()
    if (key === undefined) return false
    decoder.restart()
    this.#firstTick = this.#timeOf(key)
    this.#feed(decoder, key)
    while (this.#ahead.length === 0 && this.#feedNext(decoder));
    const [first] = this.#ahead
    if (first === undefined) return false
    if (lastTick !== undefined) {
      const isNoKey = leans(this.#libav.constants, first.picture)
      if (isNoKey) this.#marksLie = true
      if (isNoKey || first.tick > lastTick) {
        this.#forget()
        return false
      }
    }
    this.#show()
    return true
  }

  /** Decodes on until the next picture is later than a time, or there is none. */
  #advance(decoder: Decoder, lastTick: bigint): void {
    for (;;) {
      const [next] = this.#ahead
      if (next !== undefined && next.tick > lastTick) return
      if (next !== undefined) this.#show()
      else if (!this.#feedNext(decoder)) return
    }
  }

  /** Shows the next picture. */
  #show(): void {
    this.#shown?.picture.free()
    this.#shown = this.#ahead.shift()
  }

  #forget(): void {
    for (const { picture } of this.#ahead) picture.free()
    this.#shown?.picture.free()
    this.#shown = undefined
    this.#ahead = []
    this.#lastFed = undefined
    this.#isDrained = false
    this.#isFirst = false
  }

  /** Gives the decoder its next coded frame, or has it give out what is left; false where it has nothing any more. */
  #feedNext(decoder: Decoder): boolean {
    if (this.#isDrained) return false
    using packet = this.#nextPacket()
    if (packet !== undefined) this.#feed(decoder, packet)
    else {
      this.#isDrained = true
      decoder.drain((picture) => this.#keep(picture))
    }
    return true
  }

  #feed(decoder: Decoder, packet: Packet): void {
    const { pts, dts } = packet
    this.#lastFed = { pts, dts }
    decoder.decode(packet, (picture) => this.#keep(picture))
  }

  #keep(picture: NativeFrame): void {
    const before = (this.#ahead.at(-1) ?? this.#shown)?.tick
    const kept = picture.clone()
    if (kept !== null) this.#ahead.push({ picture: kept, tick: this.#tickOf(picture, before) })
  }

  /** Goes back to the coded frame behind the one that the decoder got last; false where it is not found again. */
  #resume(): boolean {
    const { context, stream } = this.#options
    const { AVSEEK_FLAG_BACKWARD, AVSEEK_FLAG_ANY } = this.#libav.constants
    // Two flags together are flags, which their type does not know.
    const anyBefore = (AVSEEK_FLAG_BACKWARD | AVSEEK_FLAG_ANY) as AVSeekFlag
    if (this.#isDrained) return true
    const lastFed = this.#lastFed
    if (lastFed === undefined) return false
    // Searches go by the time of decoding, which comes before that of showing.
    const before = this.#timeOf(lastFed) - this.#ticksOf(REORDERED_SECONDS)
    if (context.seekFrameSync(stream.index, before, anyBefore) < 0) return false
    using packet = this.#nextPacket(({ pts, dts }) => pts === lastFed.pts && dts === lastFed.dts)
    return packet !== undefined
  }

  /** The next coded frame of the video, the next one that is wanted; undefined where there is none. The caller frees it. */
  #nextPacket(isWanted: (packet: Packet) => boolean = () => true): Packet | undefined {
    const { context, stream } = this.#options
    this.#isAtStart = false
    const packet = new this.#libav.library.Packet()
    packet.alloc()
    while (context.readFrameSync(packet) >= 0) {
      if (packet.streamIndex === stream.index && isWanted(packet)) return packet
      packet.unref()
    }
    packet.free()
    return undefined
  }

  /** Goes to a key frame at or before a time, in ticks of the stream. */
  #seek(ticks: bigint): boolean {
    const { context, stream } = this.#options
    this.#isAtStart = false
    return context.seekFrameSync(stream.index, ticks, this.#libav.constants.AVSEEK_FLAG_BACKWARD) >= 0
  }

  #ticksOf(seconds: number): bigint {
    return BigInt(Math.floor(seconds / this.#secondsPerTick + ROUNDING))
  }

  /** When a picture is shown; of AVI, which has no such times, the last ones are one picture after the other. */
  #tickOf(picture: NativeFrame, before: bigint | undefined): bigint {
    if (picture.bestEffortTimestamp !== this.#libav.constants.AV_NOPTS_VALUE)
      return picture.bestEffortTimestamp
    return before === undefined ? this.#firstTick : before + this.#ticksPerPicture
  }

  #timeOf({ pts, dts }: Pick<Packet, 'pts' | 'dts'>): bigint {
    const { AV_NOPTS_VALUE } = this.#libav.constants
    if (pts !== AV_NOPTS_VALUE) return pts
    return dts === AV_NOPTS_VALUE ? this.#startTicks : dts
  }
}

/** A moment that was computed from a tick still means that tick. */
const ROUNDING = 1e-3
