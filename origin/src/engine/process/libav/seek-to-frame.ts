/**
 * Finds where to start reading a video, so that the frame of a given moment is among those that can be
 * decoded.
 */

import type { Frame } from 'node-av/lib'
import type { Decoder } from './decoder.ts'
import type { Libav } from './load.ts'
import { seekBackward } from './seek-backward.ts'
import { type DemuxedStream, seekToStart, startOf } from './stream-start.ts'

/**
 * How far before the moment the search for a key frame starts, in seconds, tried in order. A container
 * without an index seeks to any frame, and a decoder yields none before the next key frame.
 */
export const SEEK_BACK_SECONDS = [0, 2, 8, 32] as const

export interface DemuxedVideo extends DemuxedStream {
  /** Whether the file cannot be searched, because its timestamps go back. */
  readonly isEdited: boolean
  /** Whether the next packet is the first one of the file. */
  readonly isAtStart: boolean
}

/** What to decode first: any packet, at the start of a video, or the next packet marked as a key frame. */
export type Begin = 'anything' | 'key frame'

/**
 * Moves the file to a position from which decoding yields the frame shown at a tick of the stream, or the
 * earliest one that exists. The decoder is reset.
 */
export function seekToFrame(libav: Libav, demuxed: DemuxedVideo, decoder: Decoder, tick: bigint): Begin {
  const { stream } = demuxed
  const start = startOf(demuxed, libav)
  // Before the first frame there is none to search for, and a seek to it would skip the audio there.
  const first = stream.startTime === libav.constants.AV_NOPTS_VALUE ? start : stream.startTime
  const secondsPerTick = stream.timeBase.num / stream.timeBase.den
  let hasSought = false
  for (const back of demuxed.isEdited ? [] : SEEK_BACK_SECONDS) {
    const target = tick - BigInt(Math.ceil(back / secondsPerTick))
    if (target <= start || tick < first) break
    hasSought = true
    const seek = () => seekBackward(libav, demuxed, target)
    // Audio packets lie between those of the video, so the packets read to check the frame are read again.
    if (seek() && canStartHere(libav, demuxed, decoder, tick) && seek()) return 'key frame'
  }
  // A seek in the video stream skips the audio before its first frame.
  if (!demuxed.isAtStart || hasSought) seekToStart(demuxed, libav)
  return 'anything'
}

/**
 * Decodes the first frame from the next key frame on, and returns whether reading can start there: writers
 * mark frames as key frames that are none.
 */
function canStartHere(
  { library, constants }: Libav,
  { context, stream }: DemuxedVideo,
  decoder: Decoder,
  tick: bigint,
): boolean {
  let canStart: boolean | undefined
  let hasKeyFrame = false
  const look = (frame: Frame) => {
    const time = frame.bestEffortTimestamp
    canStart ??= !dependsOnOthers(constants, frame) && (time === constants.AV_NOPTS_VALUE || time <= tick)
  }
  using packet = new library.Packet()
  packet.alloc()
  while (canStart === undefined && context.readFrameSync(packet) >= 0) {
    if (packet.streamIndex === stream.index && (hasKeyFrame || packet.isKeyframe)) {
      if (!hasKeyFrame && packet.pts > tick) canStart = false
      else decoder.decode(packet, look)
      hasKeyFrame = true
    }
    packet.unref()
  }
  if (canStart === undefined && hasKeyFrame) decoder.drain(look)
  decoder.restart()
  return canStart === true
}

/** Whether a frame depends on other frames. Not all decoders report this. */
export function dependsOnOthers(
  { AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE }: Libav['constants'],
  { pictType }: Frame,
): boolean {
  return pictType !== AV_PICTURE_TYPE_I && pictType !== AV_PICTURE_TYPE_NONE
}
