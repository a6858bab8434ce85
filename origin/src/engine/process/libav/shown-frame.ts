/** Reads the frame shown at a moment: libav seeks to a key frame before it and decodes up to it. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame as NativeFrame, Packet } from 'node-av/lib'
import type { VideoInfo } from '../container/container.ts'
import type { DecodeOptions, Frame } from '../container/video-decoder.ts'
import type { Decoder } from './decoder.ts'
import type { Libav } from './load.ts'
import { createPainter } from './painter.ts'
import { dependsOnOthers, SEEK_BACK_SECONDS } from './seek-to-frame.ts'
import type { DemuxedStream } from './stream-start.ts'
import { openVideoDecoder } from './video-decoder.ts'
import { type PacketTimes, VideoPackets } from './video-packets.ts'

export interface ShownFrameReader extends Disposable {
  /**
   * Decodes the first frame and keeps it for a later `read` of it. Undefined when none can be decoded. The
   * reader frees it.
   */
  readFirst(maxPixels: number): NativeFrame | undefined
  read(atSeconds: number | undefined, options: DecodeOptions): Frame | Failure
}

export interface ShownFrameOptions extends DemuxedStream {
  /** Whether the next packet is the first one of the file. */
  readonly isAtStart: boolean
  /** Whether the file cannot be searched, because its timestamps go back. */
  readonly isEdited: boolean
  readonly video: VideoInfo
  /** The duration that the container declares. Undefined when it declares none. */
  readonly durationSeconds: number | undefined
}

/**
 * When a moment has a tolerance, the most coded pixels that are decoded between a key frame and that moment:
 * ten frames of 1080p, fifty of 480p.
 */
const NEAR_PIXELS = 20_000_000

/** Creates a reader for a file whose streams are known. The caller disposes of it before the file. */
export function createShownFrameReader(libav: Libav, options: ShownFrameOptions): ShownFrameReader {
  return new SeekingReader(libav, options)
}

/** A decoded frame and its timestamp, in ticks of the stream. */
interface Decoded {
  readonly frame: NativeFrame
  readonly tick: bigint
}

/**
 * Remembers its position, so that each frame is decoded only once when moments are read in ascending order,
 * however few key frames there are.
 */
class SeekingReader implements ShownFrameReader {
  readonly #libav: Libav
  readonly #options: ShownFrameOptions
  readonly #packets: VideoPackets
  /** The end of the video, as far as its container declares it. */
  readonly #endTick: bigint | undefined
  readonly #ticksPerFrame: bigint
  /** The frame that was found last. */
  #shown: Decoded | undefined
  /** The frames that the decoder yielded after it, in order. */
  #ahead: Decoded[] = []
  /** The last packet that was decoded. */
  #lastFed: PacketTimes | undefined
  /** The timestamp of the packet that was decoded first since the last seek. */
  #firstTick = 0n
  /** The timestamp of the last decoded packet that is marked as a key frame, or at which decoding started. */
  #lastKeyTick = 0n
  /** Whether the last search for a key frame met the end of the file. */
  #isPastData = false
  /** Whether the decoder has yielded all its frames. */
  #isDrained = false
  /** Whether the frame found last is the very first one, and the decoder received nothing else. */
  #isFirst = false
  /** Whether frames are wrongly marked as key frames, or a seek leads to arbitrary places. */
  #marksLie: boolean
  #decoder: Decoder | undefined
  #decoderPixels = 0

  constructor(libav: Libav, options: ShownFrameOptions) {
    const { stream, durationSeconds } = options
    this.#libav = libav
    this.#options = options
    this.#packets = new VideoPackets(libav, options, options.isAtStart)
    this.#marksLie = options.isEdited
    const { startTicks, secondsPerTick } = this.#packets
    this.#endTick =
      durationSeconds === undefined ? undefined : startTicks + this.#packets.ticksOf(durationSeconds)
    const { num, den } = stream.avgFrameRate
    this.#ticksPerFrame = num > 0 ? BigInt(Math.max(1, Math.round(den / num / secondsPerTick))) : 1n
  }

  readFirst(maxPixels: number): NativeFrame | undefined {
    const decoder = this.#decoderFor(maxPixels)
    if (isFailure(decoder)) return undefined
    this.#findFirst(decoder)
    return this.#shown?.frame
  }

  read(atSeconds: number | undefined, options: DecodeOptions): Frame | Failure {
    const { demuxer } = this.#options
    const decoder = this.#decoderFor(options.maxPixels)
    if (isFailure(decoder)) return decoder
    this.#find(decoder, atSeconds, options.toleranceSeconds)
    if (this.#shown === undefined) return fail('undecodable', `${demuxer.name}: no frame decodes`)
    const { frame, tick } = this.#shown
    using painter = createPainter(this.#libav, options)
    const pixels = painter.paint(frame)
    return isFailure(pixels) ? pixels : { ...pixels, timestampSeconds: this.#packets.secondsAt(tick) }
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

  /** Stores in `#shown` the frame shown at a moment, or nothing when none can be decoded. */
  #find(decoder: Decoder, atSeconds: number | undefined, toleranceSeconds: number | undefined): void {
    const { demuxer } = this.#options
    this.#isPastData = false
    const lastTick = this.#packets.startTicks + this.#packets.ticksOf(atSeconds ?? 0)
    if (atSeconds === undefined || lastTick <= this.#packets.startTicks) {
      this.#findFirst(decoder)
      // Frames before 0 are not shown at 0.
      if (atSeconds === undefined || (this.#shown?.tick ?? lastTick) >= lastTick) return
    }
    if (this.#isBefore(lastTick) && (this.#marksLie || this.#isNearEnough(lastTick))) {
      this.#advance(decoder, lastTick)
      return
    }
    // A moment far past the end is no useful position to search back from.
    const from = this.#endTick === undefined || lastTick < this.#endTick ? lastTick : this.#endTick
    for (const back of this.#options.isEdited ? [] : SEEK_BACK_SECONDS) {
      const target = from - BigInt(Math.ceil(back / this.#packets.secondsPerTick))
      if (target <= this.#packets.startTicks) break
      if (this.#findFrom(decoder, target, lastTick, toleranceSeconds)) return
    }
    if (this.#isPastData && demuxer.hasIndex) {
      const end = this.#packets.endOfData(from)
      if (end > this.#packets.startTicks && this.#findFrom(decoder, end, lastTick, undefined)) return
    }
    // When the file marks no key frames at all, decoding starts at the beginning.
    if (this.#beginAtStart(decoder)) this.#advance(decoder, lastTick)
  }

  /**
   * Finds the frame of a time. Decodes from the key frame before `target`, or from the current position when
   * that is nearer. Returns false when decoding cannot start there.
   */
  #findFrom(
    decoder: Decoder,
    target: bigint,
    lastTick: bigint,
    toleranceSeconds: number | undefined,
  ): boolean {
    this.#isPastData = false
    if (!this.#packets.seek(target)) return false
    using key = this.#packets.nextKey()
    this.#isPastData = key === undefined
    if (key === undefined) return false
    const keyTick = this.#packets.timeOf(key)
    const mayBeEarly = this.#mayBeEarly(keyTick, lastTick, toleranceSeconds)
    if (!mayBeEarly && this.#isBefore(lastTick) && keyTick <= (this.#shown?.tick ?? 0n)) {
      if (this.#isDrained || (this.#lastFed !== undefined && this.#packets.seekAfter(this.#lastFed))) {
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

  /** Stores the first frame in `#shown`, or nothing when none can be decoded. */
  #findFirst(decoder: Decoder): void {
    if (!this.#isFirst) this.#beginAtStart(decoder, 'alone')
  }

  /**
   * Decodes the first frame. With `alone`, no frame after it is decoded; a caller that reads on needs those.
   */
  #beginAtStart(decoder: Decoder, alone?: 'alone'): boolean {
    this.#packets.rewind()
    using first = this.#packets.next()
    if (first?.isKeyframe === false) {
      // Some frames are independent of others without being marked as key frames.
      if (this.#begin(decoder, first) && this.#shown !== undefined) {
        if (!dependsOnOthers(this.#libav.constants, this.#shown.frame)) return true
      }
      this.#packets.rewind()
    }
    using marked = first?.isKeyframe === false ? this.#packets.nextKey() : undefined
    const key = marked ?? first
    this.#isFirst = alone !== undefined && key !== undefined && this.#beginAlone(decoder, key)
    return this.#isFirst || this.#begin(decoder, key)
  }

  /**
   * Decodes a key frame and drains the decoder, which would otherwise wait for reordered frames. Returns
   * false when this yields no frame, or one of two fields, because the other field may be in the next packet.
   */
  #beginAlone(decoder: Decoder, key: Packet): boolean {
    if (!this.#options.demuxer.hasIndex) return false
    this.#forget()
    decoder.restart()
    this.#firstTick = this.#packets.timeOf(key)
    decoder.decode(key, (frame) => this.#keep(frame))
    decoder.drain((frame) => this.#keep(frame))
    const [first] = this.#ahead
    const isWhole =
      first !== undefined && (first.frame.flags & this.#libav.constants.AV_FRAME_FLAG_INTERLACED) === 0
    if (isWhole) this.#show()
    else this.#forget()
    return isWhole
  }

  /**
   * Whether the key frame at `tick` may replace the frame of a moment, because decoding up to the
   * moment is expensive.
   */
  #mayBeEarly(tick: bigint, lastTick: bigint, toleranceSeconds: number | undefined): boolean {
    if (toleranceSeconds === undefined || lastTick - tick > this.#packets.ticksOf(toleranceSeconds))
      return false
    const { codedWidth, codedHeight } = this.#options.video
    return Number((lastTick - tick) / this.#ticksPerFrame) * codedWidth * codedHeight > NEAR_PIXELS
  }

  /**
   * Whether to read on up to a time that is not before the current frame, without a search for a key
   * frame. In a file without an index, that search reads everything before the time. It is left out at the end of
   * the file, and when the time is no further away than the last key frame: more will hardly follow soon, and
   * what is decoded at most doubles.
   */
  #isNearEnough(lastTick: bigint): boolean {
    const shown = this.#shown?.tick ?? this.#lastKeyTick
    const isLast = this.#isDrained && this.#packets.isAtEnd && this.#ahead.length === 0
    return isLast || lastTick - shown <= shown - this.#lastKeyTick
  }

  /** Whether the frame of a time is the current one or comes after it. */
  #isBefore(lastTick: bigint): boolean {
    return this.#shown !== undefined && this.#lastFed !== undefined && this.#shown.tick <= lastTick
  }

  /**
   * Restarts decoding at a key frame, decodes up to the first frame, and stores it in `#shown`. Returns false
   * when there is none or, with a time, when it is not early enough. Writers mark frames as key frames that
   * are none, and files without an index have no marks: in the middle of a video, decoding cannot start at a
   * frame that depends on others.
   */
  #begin(decoder: Decoder, key: Packet | undefined, lastTick?: bigint): boolean {
    this.#forget()
    if (key === undefined) return false
    decoder.restart()
    this.#firstTick = this.#packets.timeOf(key)
    this.#lastKeyTick = this.#firstTick
    this.#feed(decoder, key)
    while (this.#ahead.length === 0 && this.#feedNext(decoder));
    const [first] = this.#ahead
    if (first === undefined) return false
    if (lastTick !== undefined) {
      const isNoKey = dependsOnOthers(this.#libav.constants, first.frame)
      if (isNoKey) this.#marksLie = true
      if (isNoKey || first.tick > lastTick) {
        this.#forget()
        return false
      }
    }
    this.#show()
    return true
  }

  /** Decodes until the next frame is later than a time, or there is none. */
  #advance(decoder: Decoder, lastTick: bigint): void {
    for (;;) {
      const [next] = this.#ahead
      if (next !== undefined && next.tick > lastTick) return
      if (next !== undefined) this.#show()
      else if (!this.#feedNext(decoder)) return
    }
  }

  /** Makes the next frame the current one. */
  #show(): void {
    this.#shown?.frame.free()
    this.#shown = this.#ahead.shift()
  }

  #forget(): void {
    for (const { frame } of this.#ahead) frame.free()
    this.#shown?.frame.free()
    this.#shown = undefined
    this.#ahead = []
    this.#lastFed = undefined
    this.#isDrained = false
    this.#isFirst = false
  }

  /**
   * Passes the next packet to the decoder, or drains it at the end. Returns false when it is already drained.
   */
  #feedNext(decoder: Decoder): boolean {
    if (this.#isDrained) return false
    using packet = this.#packets.next()
    if (packet !== undefined) this.#feed(decoder, packet)
    else {
      this.#isDrained = true
      decoder.drain((frame) => this.#keep(frame))
    }
    return true
  }

  #feed(decoder: Decoder, packet: Packet): void {
    const { pts, dts } = packet
    this.#lastFed = { pts, dts }
    if (packet.isKeyframe) this.#lastKeyTick = this.#packets.timeOf(packet)
    decoder.decode(packet, (frame) => this.#keep(frame))
  }

  #keep(frame: NativeFrame): void {
    const before = (this.#ahead.at(-1) ?? this.#shown)?.tick
    const kept = frame.clone()
    if (kept !== null) this.#ahead.push({ frame: kept, tick: this.#tickOf(frame, before) })
  }

  /**
   * Returns the timestamp of a frame. AVI has none for the last frames; they follow each other at the frame
   * rate.
   */
  #tickOf(frame: NativeFrame, before: bigint | undefined): bigint {
    if (frame.bestEffortTimestamp !== this.#libav.constants.AV_NOPTS_VALUE) return frame.bestEffortTimestamp
    return before === undefined ? this.#firstTick : before + this.#ticksPerFrame
  }
}
