/** Where a film that is read through has to begin, so that the picture of a moment is among what decodes. */

import type { Frame } from 'node-av/lib'
import type { Decoder } from './decoder.ts'
import type { Libav } from './load.ts'
import { type StreamPlace, seekToStart, startOf } from './stream-start.ts'

/**
 * How far before the moment the search for a key frame begins, in seconds, one after the other: a container
 * without an index lands on any frame, and a decoder shows none before the next key frame.
 */
export const LOOK_BACK_SECONDS = [0, 2, 8, 32] as const

export interface FilmPlace extends StreamPlace {
  /** It cannot be searched: its times go back. */
  readonly isEdited: boolean
  /** The first packet of the file comes next. */
  readonly isAtStart: boolean
}

/** What is to be decoded first: whatever comes next, at the start of a film, or the next packet that is marked as a key frame. */
export type Begin = 'anything' | 'key frame'

/**
 * Leaves the file where decoding gives the picture that is shown at a tick of the stream, or as early a one as there is, and
 * the decoder as new.
 */
export function seekToPicture(libav: Libav, place: FilmPlace, decoder: Decoder, tick: bigint): Begin {
  const { context, stream } = place
  const start = startOf(place, libav)
  // Before the first picture there is none to look for, and a search for one passes over the sound there.
  const first = stream.startTime === libav.constants.AV_NOPTS_VALUE ? start : stream.startTime
  const secondsPerTick = stream.timeBase.num / stream.timeBase.den
  let isMoved = false
  for (const back of place.isEdited ? [] : LOOK_BACK_SECONDS) {
    const target = tick - BigInt(Math.ceil(back / secondsPerTick))
    if (target <= start || tick < first) break
    isMoved = true
    const seek = () => context.seekFrameSync(stream.index, target, libav.constants.AVSEEK_FLAG_BACKWARD) >= 0
    // Sound lies beside the pictures, so that what was read to look at them is read again.
    if (seek() && isPlaceToBegin(libav, place, decoder, tick) && seek()) return 'key frame'
  }
  // A search by the pictures passes over the sound before the first of them.
  if (!place.isAtStart || isMoved) seekToStart(place, libav)
  return 'anything'
}

/** Decodes the first picture from the next key frame on: writers mark frames as key that are none. */
function isPlaceToBegin(
  { library, constants }: Libav,
  { context, stream }: FilmPlace,
  decoder: Decoder,
  tick: bigint,
): boolean {
  let isPlace: boolean | undefined
  let keySeen = false
  const look = (picture: Frame) => {
    const time = picture.bestEffortTimestamp
    isPlace ??= !leans(constants, picture) && (time === constants.AV_NOPTS_VALUE || time <= tick)
  }
  using packet = new library.Packet()
  packet.alloc()
  while (isPlace === undefined && context.readFrameSync(packet) >= 0) {
    if (packet.streamIndex === stream.index && (keySeen || packet.isKeyframe)) {
      if (!keySeen && packet.pts > tick) isPlace = false
      else decoder.decode(packet, look)
      keySeen = true
    }
    packet.unref()
  }
  if (isPlace === undefined && keySeen) decoder.drain(look)
  decoder.restart()
  return isPlace === true
}

/** Tells whether a picture is coded by what differs from others. Not all decoders tell. */
export function leans(
  { AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE }: Libav['constants'],
  { pictType }: Frame,
): boolean {
  return pictType !== AV_PICTURE_TYPE_I && pictType !== AV_PICTURE_TYPE_NONE
}
