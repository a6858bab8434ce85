/** Determines where a video starts: the timestamp that a player shows as 0, and the position in the file. */

import type { FormatContext, Stream } from 'node-av/lib'
import type { Demuxer } from './formats.ts'
import type { Libav } from './load.ts'

/** The stream of a file that is read. */
export interface DemuxedStream {
  readonly context: FormatContext
  readonly stream: Stream
  readonly demuxer: Demuxer
}

const MICROSECONDS = 1_000_000

/**
 * Returns the tick of the stream that is shown at 0. A player skips the time before the first video or audio
 * of a file cut from something longer. In a broadcast, which may be cut anywhere, it skips the time before
 * the first video frame.
 */
export function startOf({ context, stream, demuxer }: DemuxedStream, { constants }: Libav): bigint {
  const { AV_NOPTS_VALUE } = constants
  if (demuxer.startsWithVideo && stream.startTime !== AV_NOPTS_VALUE) return stream.startTime
  if (context.startTime === AV_NOPTS_VALUE) return stream.startTime === AV_NOPTS_VALUE ? 0n : stream.startTime
  if (!demuxer.startsAnywhere && context.startTime < 0n) return 0n
  const { num, den } = stream.timeBase
  return BigInt(Math.round((Number(context.startTime) * den) / (num * MICROSECONDS)))
}

/**
 * Seeks to the start, as the file may have been read through to determine its duration. In streams without an
 * index, seeking goes by timestamps and would skip the first key frame, so they are sought by byte position.
 */
export function seekToStart(demuxed: DemuxedStream, libav: Libav): void {
  const { context, stream, demuxer } = demuxed
  const { AVSEEK_FLAG_BACKWARD, AVSEEK_FLAG_BYTE } = libav.constants
  const toFirstByte = () => context.seekFrameSync(stream.index, 0n, AVSEEK_FLAG_BYTE) >= 0
  // In FLV, libav takes the mark at the end of the stream for a key frame. It has the time of the only frame.
  if ((!demuxer.hasIndex || demuxer.name === 'flv') && toFirstByte()) return
  // The first frames may not be marked as key frames, and the timestamps of an edited video go back. A seek
  // to before all timestamps reaches the first packet. Other containers start at their first key frame.
  const start = demuxer.name === 'mov' ? BEFORE_ALL : startOf(demuxed, libav)
  if (context.seekFrameSync(stream.index, start, AVSEEK_FLAG_BACKWARD) < 0) toFirstByte()
}

const BEFORE_ALL = -(2n ** 62n)
