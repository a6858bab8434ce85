/** Where a film begins: the time that a player shows as 0, and the place in the file. */

import type { FormatContext, Stream } from 'node-av/lib'
import type { Demuxer } from './formats.ts'
import type { Libav } from './load.ts'

/** The stream of a file that is read. */
export interface StreamPlace {
  readonly context: FormatContext
  readonly stream: Stream
  readonly demuxer: Demuxer
}

const MICROSECONDS = 1_000_000

/**
 * The tick of the stream that is shown at 0. A player leaves out the time before the first picture or sound of a cut from
 * something longer; of a broadcast, which may be cut anywhere, the time before the first picture.
 */
export function startOf({ context, stream, demuxer }: StreamPlace, { constants }: Libav): bigint {
  const { AV_NOPTS_VALUE } = constants
  if (demuxer.startsWithPicture && stream.startTime !== AV_NOPTS_VALUE) return stream.startTime
  if (context.startTime === AV_NOPTS_VALUE) return stream.startTime === AV_NOPTS_VALUE ? 0n : stream.startTime
  if (!demuxer.startsAnywhere && context.startTime < 0n) return 0n
  const { num, den } = stream.timeBase
  return BigInt(Math.round((Number(context.startTime) * den) / (num * MICROSECONDS)))
}

/**
 * Goes to the start: to tell how long a file is, it may have been read through. Streams without an index are searched by
 * their clock, which skips the first key frame.
 */
export function seekToStart(place: StreamPlace, libav: Libav): void {
  const { context, stream, demuxer } = place
  const { AVSEEK_FLAG_BACKWARD, AVSEEK_FLAG_BYTE } = libav.constants
  const toFirstByte = () => context.seekFrameSync(stream.index, 0n, AVSEEK_FLAG_BYTE) >= 0
  if (!demuxer.hasIndex && toFirstByte()) return
  // The first pictures may not be marked as key frames, and times of an edited film go back: what is asked for before all of
  // its times is the first packet. Others begin at their first key frame.
  const start = demuxer.name === 'mov' ? BEFORE_ALL : startOf(place, libav)
  if (context.seekFrameSync(stream.index, start, AVSEEK_FLAG_BACKWARD) < 0) toFirstByte()
}

const BEFORE_ALL = -(2n ** 62n)
