/** Seeks to key frames, also in files whose index is missing or incomplete. */

import type { Packet, Stream } from 'node-av/lib'
import type { Libav } from './load.ts'
import type { DemuxedStream } from './stream-start.ts'

/**
 * How far before the wanted time a key frame may be, in seconds, before the index is taken to be incomplete
 * there. Key frames are usually closer to each other.
 */
const FAR_SECONDS = 2

/**
 * Seeks to the last key frame at or before a tick of the stream. Returns false when that fails.
 *
 * A recording in AVI that was interrupted has no index, because it is written at the end. libav then knows
 * only the frames that it has read. They are read up to the tick without being decoded, which takes a
 * fraction of the time of decoding them.
 */
export function seekBackward(libav: Libav, demuxed: DemuxedStream, tick: bigint): boolean {
  const { context, stream, demuxer } = demuxed
  const seek = () => context.seekFrameSync(stream.index, tick, libav.constants.AVSEEK_FLAG_BACKWARD) >= 0
  if (!demuxer.growsIndex) return seek()
  if (!seek()) return false
  const farTicks = BigInt(Math.ceil((FAR_SECONDS * stream.timeBase.den) / stream.timeBase.num))
  let isFar: boolean | undefined
  readPackets(libav, demuxed, (packet) => {
    const time = timeOf(packet, stream, libav)
    isFar ??= tick - time > farTicks
    return isFar && time <= tick
  })
  return seek()
}

/**
 * Reads packets of the stream while the callback returns true. Those of the other streams are read too, because
 * a later seek goes to the position up to which all streams are known.
 */
function readPackets(
  { library, constants }: Libav,
  { context, stream }: DemuxedStream,
  onPacket: (packet: Packet) => boolean,
): void {
  const discards = context.streams.map((other) => other.discard)
  for (const other of context.streams) other.discard = constants.AVDISCARD_DEFAULT
  using packet = new library.Packet()
  packet.alloc()
  let goesOn = true
  while (goesOn && context.readFrameSync(packet) >= 0) {
    if (packet.streamIndex === stream.index) goesOn = onPacket(packet)
    packet.unref()
  }
  for (const other of context.streams) {
    const discard = discards[other.index]
    if (discard !== undefined) other.discard = discard
  }
}

function timeOf({ pts, dts }: Packet, { startTime }: Stream, { constants }: Libav): bigint {
  const { AV_NOPTS_VALUE } = constants
  if (pts !== AV_NOPTS_VALUE) return pts
  return dts === AV_NOPTS_VALUE ? startTime : dts
}
