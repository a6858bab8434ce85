/** Reads a video from one moment to another: its frames and one audio track, in file order. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame, Packet } from 'node-av/lib'
import { CLIP_THREADS } from '../../clip-threads.ts'
import type { VideoInfo } from '../container/container.ts'
import { audioDecoderOf } from '../libav/codec-names.ts'
import { type Decoder, openDecoder } from '../libav/decoder.ts'
import type { Libav } from '../libav/load.ts'
import type { OpenedStreams } from '../libav/open.ts'
import { dependsOnOthers, seekToFrame } from '../libav/seek-to-frame.ts'
import type { AudioTrack } from '../libav/stream-info.ts'
import { startOf } from '../libav/stream-start.ts'
import { openVideoDecoder } from '../libav/video-decoder.ts'

/** A span in seconds of the video, from the first frame that a player shows. */
export interface Span {
  readonly startSeconds: number
  readonly endSeconds: number
}

export interface FrameHandlers {
  /** Receives frames in presentation order, with their time in seconds. Returning false ends the track. */
  readonly onFrame: (frame: Frame, seconds: number) => boolean
  /**
   * Receives audio in order, with timestamps in the stream's time base, 0 at the first frame of the video.
   * Returning false ends the track.
   */
  readonly onAudio: (samples: Frame, seconds: number) => boolean
}

export interface ReadVideoOptions {
  readonly video: VideoInfo
  readonly maxPixels: number
  /** The audio track. Undefined when none is wanted. */
  readonly audio: AudioTrack | undefined
  /** The part of the video that is read. */
  readonly span: Span
}

/**
 * Decodes a video from the last key frame before the span, so the first frames may precede it. Fails with
 * `unsupported-codec` or `undecodable`, or as the source does, however much of it was read before.
 */
export function readVideo(
  libav: Libav,
  { context, demuxer, stream, bytes, isAtStart, isEdited }: OpenedStreams,
  { video, maxPixels, audio, span }: ReadVideoOptions,
  { onFrame, onAudio }: FrameHandlers,
): Failure | undefined {
  if (stream === undefined) return fail('undecodable', 'no video')
  const opened = openVideoDecoder(libav, { stream, video, maxPixels, threads: CLIP_THREADS })
  if (isFailure(opened)) return opened
  using videoDecoder = opened
  using audioDecoder = audio && openAudioDecoder(libav, audio)
  const { AV_NOPTS_VALUE, AVDISCARD_ALL } = libav.constants
  for (const other of context.streams) {
    if (other.index !== stream.index && other.index !== audio?.stream.index) other.discard = AVDISCARD_ALL
  }
  const demuxed = { context, stream, demuxer }
  const start = startOf(demuxed, libav)
  const unit = stream.timeBase.num / stream.timeBase.den
  const originSeconds = Number(start) * unit
  const startTick = start + BigInt(Math.floor(span.startSeconds / unit))
  const begin = seekToFrame(libav, { ...demuxed, isAtStart, isEdited }, videoDecoder, startTick)

  const { num, den } = stream.avgFrameRate
  const frameSeconds = num > 0 ? den / num : 0.04
  let wantsVideo = true
  let wantsAudio = audioDecoder !== undefined
  let next = 0
  let isFed = false
  /**
   * The timestamp of the first packet marked as a key frame, or `at once` when that is the very first packet.
   */
  let key: bigint | 'at once' | undefined
  let hasBegun = false
  const handleFrame = (frame: Frame) => {
    if (!wantsVideo) return
    const tick = frame.bestEffortTimestamp
    // Frames that depend on others before the start of the file are not shown. Not every independent frame is
    // marked as a key frame.
    hasBegun ||=
      key === 'at once' || !dependsOnOthers(libav.constants, frame) || (key !== undefined && tick >= key)
    if (!hasBegun) return
    const seconds = tick === AV_NOPTS_VALUE ? next : Number(tick) * unit - originSeconds
    next = seconds + frameSeconds
    wantsVideo = onFrame(frame, seconds)
  }
  const audioUnit = audio === undefined ? 1 : audio.stream.timeBase.num / audio.stream.timeBase.den
  let nextAudio = 0
  const originTicks = BigInt(Math.round(originSeconds / audioUnit))
  const handleSamples = (samples: Frame) => {
    if (!wantsAudio) return
    const tick = samples.bestEffortTimestamp
    // When a packet of a broadcast holds several audio frames, only the first has a timestamp.
    const seconds = tick === AV_NOPTS_VALUE ? nextAudio : Number(tick - originTicks) * audioUnit
    samples.pts = tick === AV_NOPTS_VALUE ? BigInt(Math.round(seconds / audioUnit)) : tick - originTicks
    nextAudio = seconds + samples.nbSamples / Math.max(1, samples.sampleRate)
    wantsAudio = onAudio(samples, seconds)
  }

  using packet = new libav.library.Packet()
  packet.alloc()
  while ((wantsVideo || wantsAudio) && context.readFrameSync(packet) >= 0) {
    if (packet.streamIndex === stream.index && wantsVideo) {
      if (packet.isKeyframe) key ??= isFed ? timeOf(packet, AV_NOPTS_VALUE) : 'at once'
      if (begin === 'anything' || key !== undefined) {
        if (!isFed) next = Math.max(0, Number(timeOf(packet, AV_NOPTS_VALUE)) * unit - originSeconds)
        isFed = true
        videoDecoder.decode(packet, handleFrame)
      }
    } else if (packet.streamIndex === audio?.stream.index && wantsAudio) {
      audioDecoder?.decode(packet, handleSamples)
    }
    packet.unref()
  }
  if (wantsVideo) videoDecoder.drain(handleFrame)
  if (wantsAudio) audioDecoder?.drain(handleSamples)
  // When reading stopped early, this is not the end of the video.
  return bytes.failure
}

function timeOf({ pts, dts }: Packet, none: bigint): bigint {
  if (pts !== none) return pts
  return dts === none ? 0n : dts
}

/** Opens the decoder of an audio track. Undefined when it cannot be opened: players leave such audio out. */
export function openAudioDecoder(libav: Libav, { stream, codec: name }: AudioTrack): Decoder | undefined {
  const codec = audioDecoderOf(libav, name)
  if (codec === undefined) return undefined
  const opened = openDecoder(libav, {
    codec,
    parameters: stream.codecpar,
    maxPixels: 1,
    timeBase: stream.timeBase,
  })
  return isFailure(opened) ? undefined : opened
}
