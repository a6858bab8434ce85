/** Reads the packets of one video stream by time, and discards those of all others. */

import type { AVSeekFlag } from 'node-av/constants'
import type { Packet } from 'node-av/lib'
import type { Libav } from './load.ts'
import { seekBackward } from './seek-backward.ts'
import { type DemuxedStream, seekToStart, startOf } from './stream-start.ts'

/**
 * The timestamps that identify a packet. Both are needed: one packet's presentation timestamp may equal
 * another's decoding timestamp.
 */
export type PacketTimes = Pick<Packet, 'pts' | 'dts'>

/**
 * How much later than its decoding a frame may be shown, in seconds: sixteen frames, of a video at eight per
 * second.
 */
const REORDERED_SECONDS = 2

/** How far before the end of the data of a truncated file `endOfData` may be, in seconds. */
const TRUNCATION_SECONDS = 8

export class VideoPackets {
  readonly #libav: Libav
  readonly #demuxed: DemuxedStream
  /** Whether nothing was read so far, so that the next packet is the first one. */
  #isAtStart: boolean
  #isAtEnd = false
  readonly secondsPerTick: number
  /** The timestamp that a player shows as 0. */
  readonly startTicks: bigint

  constructor(libav: Libav, demuxed: DemuxedStream, isAtStart: boolean) {
    const { context, stream } = demuxed
    this.#libav = libav
    this.#demuxed = demuxed
    this.#isAtStart = isAtStart
    this.secondsPerTick = stream.timeBase.num / stream.timeBase.den
    this.startTicks = startOf(demuxed, libav)
    for (const other of context.streams) {
      if (other.index !== stream.index) other.discard = libav.constants.AVDISCARD_ALL
    }
  }

  /** Whether reading stopped at the end of the file, rather than at damage that a search may skip. */
  get isAtEnd(): boolean {
    return this.#isAtEnd
  }

  /** Returns the next wanted packet. Undefined when there is none. The caller frees it. */
  next(isWanted: (packet: Packet) => boolean = () => true): Packet | undefined {
    const { context, stream } = this.#demuxed
    this.#isAtStart = false
    const packet = new this.#libav.library.Packet()
    packet.alloc()
    let read = context.readFrameSync(packet)
    while (read >= 0) {
      if (packet.streamIndex === stream.index && isWanted(packet)) return packet
      packet.unref()
      read = context.readFrameSync(packet)
    }
    packet.free()
    this.#isAtEnd = read === this.#libav.constants.AVERROR_EOF
    return undefined
  }

  /** Returns the next packet that is marked as a key frame. Undefined when there is none. The caller frees it. */
  nextKey(): Packet | undefined {
    return this.next((packet) => packet.isKeyframe)
  }

  /** Seeks to a key frame at or before a time, in ticks. Returns false when that fails. */
  seek(ticks: bigint): boolean {
    this.#isAtStart = false
    return seekBackward(this.#libav, this.#demuxed, ticks)
  }

  /** Seeks to the first packet, unless nothing was read so far. */
  rewind(): void {
    if (!this.#isAtStart) seekToStart(this.#demuxed, this.#libav)
  }

  /** Seeks to the packet after this one. Returns false when it is not found again. */
  seekAfter(times: PacketTimes): boolean {
    const { context, stream } = this.#demuxed
    const { AVSEEK_FLAG_BACKWARD, AVSEEK_FLAG_ANY } = this.#libav.constants
    // A combination of two flags is valid, but not part of their type.
    const anyBefore = (AVSEEK_FLAG_BACKWARD | AVSEEK_FLAG_ANY) as AVSeekFlag
    // Seeking goes by the decoding timestamp, which precedes the presentation timestamp.
    const before = this.timeOf(times) - this.ticksOf(REORDERED_SECONDS)
    if (context.seekFrameSync(stream.index, before, anyBefore) < 0) return false
    using packet = this.next(({ pts, dts }) => pts === times.pts && dts === times.dts)
    return packet !== undefined
  }

  /**
   * Returns a time shortly before the data of a truncated file end, in ticks. The index at its start also lists
   * what is missing. `past` is a time whose data are missing.
   */
  endOfData(past: bigint): bigint {
    const precision = this.ticksOf(TRUNCATION_SECONDS)
    let present = this.startTicks
    let missing = past
    while (missing - present > precision) {
      const middle = (present + missing) / 2n
      using key = this.seek(middle) ? this.nextKey() : undefined
      if (key === undefined) missing = middle
      else present = middle
    }
    return present
  }

  /** Returns when a time in ticks is shown, in seconds from the start. Not negative. */
  secondsAt(ticks: bigint): number {
    return Math.max(0, Number(ticks - this.startTicks) * this.secondsPerTick)
  }

  ticksOf(seconds: number): bigint {
    return BigInt(Math.floor(seconds / this.secondsPerTick + ROUNDING))
  }

  /** Returns when a packet is shown, or else decoded, in ticks. */
  timeOf({ pts, dts }: PacketTimes): bigint {
    const { AV_NOPTS_VALUE } = this.#libav.constants
    if (pts !== AV_NOPTS_VALUE) return pts
    return dts === AV_NOPTS_VALUE ? this.startTicks : dts
  }
}

/** A moment that was computed from a tick still maps to that tick. */
const ROUNDING = 1e-3
