/** Copies a video to another container without decoding any frame. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Packet, Stream } from 'node-av/lib'
import { asFailure } from '../libav/libav-rejection.ts'
import type { Libav } from '../libav/load.ts'
import type { OpenedStreams } from '../libav/open.ts'
import type { AudioTrack } from '../libav/stream-info.ts'
import { seekToStart, startOf } from '../libav/stream-start.ts'
import { type MuxedStream, openMuxer } from './muxer.ts'
import { isPlayablePacket, unitLengthBytes } from './nal-units.ts'
import { withoutUserData } from './user-data.ts'

export interface RemuxOptions {
  readonly audio: AudioTrack | undefined
  /** The time after which the clip ends, in seconds. */
  readonly maxSeconds: number
  readonly maxBytes: number
}

/** Containers whose packets have presentation timestamps. */
const TIMED: ReadonlySet<string> = new Set(['mov', 'matroska', 'flv'])
/** The highest profile that every browser plays in MP4: H.264 up to High, 8 bits, chroma halved. */
const HIGH_PROFILE = 100
/** Masks out libav's flags for the constraints of a profile. */
const PROFILE_MASK = 0xff

/** Whether an MP4 with the same video and audio plays everywhere. */
export function isPlayableEverywhere(
  { constants, library }: Libav,
  { stream, demuxer, info }: OpenedStreams,
  audio: AudioTrack | undefined,
): boolean {
  if (stream === undefined || info.video?.codec !== 'h264' || !TIMED.has(demuxer.name)) return false
  const { format, profile, codecId } = stream.codecpar
  const isPlain = format === constants.AV_PIX_FMT_YUV420P || format === constants.AV_PIX_FMT_YUVJ420P
  return (
    library.avGetCodecName(codecId) === 'h264' &&
    isPlain &&
    (profile & PROFILE_MASK) <= HIGH_PROFILE &&
    (audio === undefined || audio.codec === 'aac')
  )
}

/**
 * Returns the video from its start as MP4. Undefined when it cannot be copied, because it starts in the
 * middle of its coded frames, has timestamps that MP4 cannot hold, a damaged frame, or frames of several
 * sizes. Fails as the source does.
 */
export function remuxVideo(
  libav: Libav,
  input: OpenedStreams,
  options: RemuxOptions,
): Buffer | Failure | undefined {
  const copied = asFailure(() => copyPackets(libav, input, options))
  return input.bytes.failure ?? (isFailure(copied) ? undefined : copied)
}

function copyPackets(
  libav: Libav,
  input: OpenedStreams,
  { audio, maxSeconds, maxBytes }: RemuxOptions,
): Buffer | undefined {
  const { context, stream, demuxer } = input
  if (stream === undefined) return undefined
  const { library, constants } = libav
  using muxer = openMuxer(libav, 'mp4')
  const demuxed = { context, stream, demuxer }
  const origin = secondsOf(stream, startOf(demuxed, libav))
  const outputs = new Map<number, Output>()
  for (const source of audio === undefined ? [stream] : [stream, audio.stream])
    outputs.set(source.index, {
      source,
      muxed: muxer.addCopied(source),
      isOver: false,
      lastDts: undefined,
      originTicks: ticksOf(source, origin),
    })
  for (const other of context.streams) if (!outputs.has(other.index)) other.discard = constants.AVDISCARD_ALL
  muxer.begin()
  const shownTicks =
    demuxer.name === 'mov' ? stream.startTime + stream.duration - ticksOf(stream, origin) : 0n
  const configuration = stream.codecpar.extradata ?? EMPTY
  const coding = { configuration, lengthBytes: unitLengthBytes(configuration) }
  // A seek in the video stream skips the audio before its first frame.
  if (!input.isAtStart) seekToStart(demuxed, libav)
  using packet = new library.Packet()
  packet.alloc()
  let frames = 0
  while (![...outputs.values()].every(({ isOver }) => isOver) && context.readFrameSync(packet) >= 0) {
    const output = outputs.get(packet.streamIndex)
    // The last packet of a truncated file is incomplete, and players would reject the whole clip for it.
    const isWhole = !packet.hasFlags(constants.AV_PKT_FLAG_CORRUPT)
    if (output !== undefined && !output.isOver && isWhole) {
      const isVideo = output.source.index === stream.index
      if (isVideo && !isCopyable(libav, packet, coding)) return undefined
      if (!moveToOrigin(packet, output, constants.AV_NOPTS_VALUE)) return undefined
      const isPastEnd = secondsOf(output.source, packet.dts) >= maxSeconds
      output.isOver = isPastEnd || muxer.sizeBytes >= maxBytes
      if (isVideo) {
        const endTicks = ticksOf(output.source, maxSeconds)
        const leftTicks = endTicks - packet.pts
        // Other frames depend on it, but it is shown long after the end.
        if (!output.isOver && secondsOf(output.source, -leftTicks) > MAX_LATE_SECONDS) return undefined
        // The last frame lasts until then, whatever duration it declares.
        if (isPastEnd) output.muxed.holdUntil(endTicks, output.source.timeBase)
        packet.duration = shownDuration(packet, leftTicks, shownTicks)
      } else if (packet.duration === 0n) packet.duration = usualDuration(output.source)
      if (!output.isOver) {
        frames += isVideo ? 1 : 0
        output.muxed.write(packet, output.source.timeBase)
      }
    }
    packet.unref()
  }
  return frames === 0 ? undefined : muxer.finish()
}

/** The coding of the frames of a track. */
interface Coding {
  readonly configuration: Buffer
  /** The number of bytes of the length before each NAL unit. Undefined for a byte stream. */
  readonly lengthBytes: number | undefined
}

/**
 * Whether a player would show a video packet that is copied as the source shows it. Removes the data of
 * applications from the packet.
 */
function isCopyable({ constants }: Libav, packet: Packet, { configuration, lengthBytes }: Coding): boolean {
  // The MP4 has one configuration for all its frames. This side data is lost when the data is replaced below.
  const replaced = packet.getSideData(constants.AV_PKT_DATA_NEW_EXTRADATA)
  if (replaced !== null && !replaced.equals(configuration)) return false
  // Frames that are decoded but not shown, because of an edit list, would be shown in the copy.
  if (packet.hasFlags(constants.AV_PKT_FLAG_DISCARD)) return false
  const data = packet.data ?? EMPTY
  // A decoder leaves out a frame that is not playable, but a player stops at it.
  if (lengthBytes === undefined || !isPlayablePacket(data, lengthBytes, configuration)) return false
  const kept = withoutUserData(data, lengthBytes)
  if (kept.length === 0) return false
  if (kept !== data) replaceData(packet, kept)
  return true
}

/** Moves a packet to the time base of the copy. Returns false when MP4 cannot hold its timestamps. */
function moveToOrigin(packet: Packet, output: Output, noTimestamp: bigint): boolean {
  const dts = decodingTime(packet, output, noTimestamp)
  if (dts === undefined || packet.pts === noTimestamp || dts > packet.pts) return false
  if (output.lastDts !== undefined && dts <= output.lastDts) return false
  output.lastDts = dts
  packet.dts = dts - output.originTicks
  packet.pts -= output.originTicks
  return true
}

/**
 * Returns how long a video packet is shown, in ticks: not beyond the end of the clip, nor beyond that of the
 * edit list, which may lie in the middle of a frame.
 */
function shownDuration({ pts, duration }: Packet, leftTicks: bigint, shownTicks: bigint): bigint {
  const untilEnd = leftTicks > 1n ? leftTicks : 1n
  const bounded = duration > leftTicks ? untilEnd : duration
  const editedTicks = shownTicks - pts
  return editedTicks > 0n && bounded > editedTicks ? editedTicks : bounded
}

/** Replaces the data of a packet, without its side data. The setter alone would reset everything else, too. */
function replaceData(packet: Packet, data: Buffer): void {
  const { pts, dts, duration, streamIndex, flags, timeBase } = packet
  packet.data = data
  Object.assign(packet, { pts, dts, duration, streamIndex, flags, timeBase })
}

const EMPTY = Buffer.alloc(0)
/** How far frames that are decoded out of order may be shown after the end of a clip. */
const MAX_LATE_SECONDS = 0.25

interface Output {
  readonly source: Stream
  readonly muxed: MuxedStream
  /** When the video starts, in the time base of the source. */
  readonly originTicks: bigint
  isOver: boolean
  lastDts: bigint | undefined
}

/**
 * Returns the duration of an audio packet that declares none, as in Matroska. Without it, players would leave
 * the last packet out.
 */
function usualDuration({ codecpar, timeBase }: Stream): bigint {
  const { sampleRate } = codecpar
  return sampleRate > 0 ? BigInt(Math.round((AAC_SAMPLES / sampleRate) * (timeBase.den / timeBase.num))) : 0n
}

/** The samples of one packet. */
const AAC_SAMPLES = 1024

/**
 * Returns the decoding timestamp of a packet. Matroska does not store it, and libav does not know it for the
 * first frames.
 */
function decodingTime(packet: Packet, { source, lastDts }: Output, unknown: bigint): bigint | undefined {
  const { pts, dts, duration } = packet
  if (dts !== unknown) return dts
  if (duration <= 0n || pts === unknown) return undefined
  return lastDts === undefined ? pts - BigInt(source.codecpar.videoDelay) * duration : lastDts + duration
}

function secondsOf({ timeBase }: Stream, ticks: bigint): number {
  return (Number(ticks) * timeBase.num) / timeBase.den
}

function ticksOf({ timeBase }: Stream, seconds: number): bigint {
  return BigInt(Math.round((seconds * timeBase.den) / timeBase.num))
}
