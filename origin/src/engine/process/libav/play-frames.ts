/**
 * Plays the frames of an animated AVIF or a HEIC burst in order. Each frame is decoded when it is requested,
 * together with its alpha, which is a separate track.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Frame, Packet, Stream } from 'node-av/lib'
import type { PlayOptions } from '../container/video-decoder.ts'
import type { ImageSequence } from '../formats/heif/sequence.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { acceptedVideoCodec, decoderOf } from './codec-names.ts'
import { type Decoder, openDecoder } from './decoder.ts'
import { demuxerOf } from './formats.ts'
import { openInput } from './input.ts'
import type { Libav } from './load.ts'
import { createPainter } from './painter.ts'
import { openRangeIo } from './range-io.ts'
import { videoInfo } from './stream-info.ts'

/** How often the bytes of a file in memory may be read: for the demuxer's index, the still and the frames. */
const READ_FACTOR = 4
const MIN_READ_BYTES = 1024 * 1024

/**
 * Plays a sequence from its first frame. A caller that stops before the end calls `return` (a `for` loop
 * does). The last value is an `undecodable` failure when there are fewer frames than the index declares, or
 * none.
 */
export function* playFrames(
  libav: Libav,
  sequence: ImageSequence,
  { count, size, maxPixels }: PlayOptions,
): Generator<RawImage | Failure, void, undefined> {
  const file = sequence.asVideo('with alpha')
  const source = {
    sizeBytes: file.length,
    read: (start: number, end: number) => file.subarray(start, end),
  }
  using bytes = openRangeIo(libav, source)
  bytes.allow(Math.max(MIN_READ_BYTES, file.length * READ_FACTOR))
  const context = new libav.library.FormatContext()
  const demuxer = demuxerOf('mp4')
  const tracks: Track[] = []
  try {
    const failed = openInput(libav, { context, bytes, demuxer, ignoresEditList: true })
    if (failed !== undefined) return yield failed
    const [colourTrack, masks] = openTracks(libav, { context, maxPixels, tracks })
    if (colourTrack === undefined) return yield fail('undecodable', 'no frames')
    if (sequence.hasAlpha && masks === undefined) return yield fail('undecodable', 'no alpha')
    const info = videoInfo(libav, colourTrack.stream)
    const video = { ...info, hasAlpha: sequence.hasAlpha }
    using painter = createPainter(libav, { video, size })
    for (let shown = 0; shown < count; shown += 1) {
      using frame = colourTrack.next()
      using mask = sequence.hasAlpha ? masks?.next() : undefined
      if (frame === undefined || (sequence.hasAlpha && mask === undefined))
        return yield fail('undecodable', `${shown} of ${count} frames`)
      yield painter.paint(frame, mask)
    }
  } finally {
    for (const track of tracks) track.close()
    context.closeInputSync()
  }
}

interface Track {
  readonly stream: Stream
  /** Returns the next frame, which the caller frees. Undefined after the last one. */
  next(): Frame | undefined
  close(): void
}

interface TracksOptions {
  readonly context: FormatContext
  readonly maxPixels: number
  /** Filled while the tracks are opened, so that they are closed in any case. */
  readonly tracks: Track[]
}

/**
 * Opens the track of images and that of their alpha. Packets are queued until their turn; decoded frames are
 * not, because they would fill the memory.
 */
function openTracks(libav: Libav, { context, maxPixels, tracks }: TracksOptions): readonly Track[] {
  const { library, constants } = libav
  const waiting = new Map<number, Packet[]>()
  const videos = context.streams.filter(({ codecpar }) => codecpar.codecType === constants.AVMEDIA_TYPE_VIDEO)

  /** Returns the next packet of a stream. Packets of other tracks that come before it are queued for them. */
  function nextPacket(index: number): Packet | undefined {
    const queued = waiting.get(index)?.shift()
    if (queued !== undefined) return queued
    for (;;) {
      const packet = new library.Packet()
      packet.alloc()
      if (context.readFrameSync(packet) < 0) {
        packet.free()
        return undefined
      }
      if (packet.streamIndex === index) return packet
      const queue = waiting.get(packet.streamIndex)
      if (queue === undefined) packet.free()
      else queue.push(packet)
    }
  }

  function openTrack(stream: Stream, decoder: Decoder): Track {
    const ready: Frame[] = []
    let ended = false
    const onFrame = (frame: Frame) => {
      const kept = frame.clone()
      if (kept !== null) ready.push(kept)
    }
    return {
      stream,
      next() {
        while (ready.length === 0 && !ended) {
          using packet = nextPacket(stream.index)
          if (packet !== undefined) decoder.decode(packet, onFrame)
          else {
            ended = true
            decoder.drain(onFrame)
          }
        }
        return ready.shift()
      },
      close() {
        for (const frame of ready) frame.free()
        for (const packet of waiting.get(stream.index) ?? []) packet.free()
        decoder[Symbol.dispose]()
      },
    }
  }

  for (const stream of videos.slice(0, COLOUR_AND_ALPHA)) {
    const name = acceptedVideoCodec(library.avGetCodecName(stream.codecpar.codecId), {
      profile: stream.codecpar.profile,
      fullChroma: false,
    })
    const codec = name && decoderOf(libav, name)
    if (codec === undefined) break
    const decoder = openDecoder(libav, { codec, parameters: stream.codecpar, maxPixels })
    if (isFailure(decoder)) break
    waiting.set(stream.index, [])
    tracks.push(openTrack(stream, decoder))
  }
  return tracks
}

const COLOUR_AND_ALPHA = 2
