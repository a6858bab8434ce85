/** How long a file plays. */

import type { FormatContext } from 'node-av/lib'
import type { Demuxer } from './formats.ts'
import type { Libav } from './load.ts'

export interface DurationOptions {
  readonly context: FormatContext
  readonly demuxer: Demuxer
  readonly sizeBytes: number
}

/** Of a bare stream libav tells what the bit rate of its start would come to, which is wrong where it varies. */
const WITHOUT_INDEX: ReadonlySet<string> = new Set(['mp3', 'aac'])
/** Files up to this size are read through where nothing but their frames tells how long they last. */
const MAX_SCANNED_BYTES = 32 * 1024 * 1024
const MICROSECONDS = 1_000_000

/** Seconds that a file plays, edit lists applied; undefined where nothing tells. */
export function durationOf(
  libav: Libav,
  { context, demuxer, sizeBytes }: DurationOptions,
): number | undefined {
  const declared = declaredDuration(context, demuxer)
  const exact = declared !== undefined && !WITHOUT_INDEX.has(demuxer.name)
  if (exact || sizeBytes > MAX_SCANNED_BYTES) return declared
  return scannedDuration(libav, context) ?? declared
}

/** Matroska tells when the last frame ends, which is no duration where the first one does not come at 0. */
function declaredDuration({ duration, startTime }: FormatContext, demuxer: Demuxer): number | undefined {
  const unplayed = demuxer.name === 'matroska' && startTime > 0n ? startTime : 0n
  return duration > unplayed ? Number(duration - unplayed) / MICROSECONDS : undefined
}

/** Reads a file through; what reads on has to seek before. */
function scannedDuration({ library, constants }: Libav, context: FormatContext): number | undefined {
  const units = context.streams.map(({ timeBase }) => timeBase.num / timeBase.den)
  const spans = units.map(() => ({ start: Number.POSITIVE_INFINITY, end: 0, played: 0 }))
  using packet = new library.Packet()
  packet.alloc()
  while (context.readFrameSync(packet) >= 0) {
    const unit = units[packet.streamIndex] ?? 0
    const span = spans[packet.streamIndex]
    if (span !== undefined) {
      const seconds = Number(packet.duration) * unit
      const start = packet.pts === constants.AV_NOPTS_VALUE ? span.played : Number(packet.pts) * unit
      span.played += seconds
      span.start = Math.min(span.start, start)
      span.end = Math.max(span.end, start + seconds)
    }
    packet.unref()
  }
  const longest = Math.max(0, ...spans.map(({ start, end, played }) => Math.max(played, end - start)))
  return longest > 0 ? longest : undefined
}
