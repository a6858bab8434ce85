/** Determines the duration of a file. */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Packet } from 'node-av/lib'
import type { Demuxer } from './formats.ts'
import type { Libav } from './load.ts'
import { lastFrameEnd, MAX_MATROSKA_END_BYTES } from './matroska-end.ts'
import { chainedSeconds, endsWithoutPage, mayBeChained } from './ogg-links.ts'
import type { SyncRanges } from './range-io.ts'
import { declaresFrames } from './xing.ts'

export interface DurationOptions {
  readonly context: FormatContext
  readonly demuxer: Demuxer
  readonly sizeBytes: number
  /** Whether the index declares that the samples come in fragments. */
  readonly isFragmented: boolean
  /** Reads the bytes of a range, bypassing libav. */
  readonly peek: SyncRanges['read']
  /** Sets how many bytes may be read from now on. */
  readonly allow: (bytes: number) => void
}

/**
 * For bare streams libav extrapolates the duration from the bit rate of their start, which is wrong when the
 * bit rate varies.
 */
const WITHOUT_INDEX: ReadonlySet<string> = new Set(['mp3', 'aac'])
/**
 * The largest file that is read through when only its frames determine the duration, in bytes: two hours of
 * MP3, at 6 ms per megabyte.
 */
const MAX_SCANNED_BYTES = 128 * 1024 * 1024
/** The bytes that were read to probe the streams are read again. */
const REREAD_BYTES = 4 * 1024 * 1024
const MICROSECONDS = 1_000_000

export interface Duration {
  /** The duration in seconds, with edit lists applied. Undefined when nothing declares it. */
  readonly seconds: number | undefined
  /** Whether the file was read to its end for this. */
  readonly readThrough: boolean
  /** Whether the file was read to its end and has no packet: an index without samples. */
  readonly isEmpty: boolean
}

/** Determines the duration of a file. */
export function readDuration(libav: Libav, options: DurationOptions): Duration {
  const { context, demuxer, sizeBytes, allow } = options
  const declared =
    chainedDuration(libav, options) ?? declaredDuration(libav, options) ?? liveDuration(libav, options)
  const exact = declared !== undefined && !isExtrapolated(options)
  if (exact || sizeBytes > MAX_SCANNED_BYTES) return { seconds: declared, readThrough: false, isEmpty: false }
  allow(sizeBytes + REREAD_BYTES)
  const scanned = scan(libav, context, demuxer)
  return { seconds: scanned.seconds ?? declared, readThrough: true, isEmpty: scanned.packets === 0 }
}

/** Whether libav extrapolates the duration from the bit rate. */
function isExtrapolated({ demuxer, sizeBytes, peek, allow }: DurationOptions): boolean {
  const { name } = demuxer
  if (name !== 'mp3' && name !== 'ogg') return WITHOUT_INDEX.has(name)
  allow(REREAD_BYTES)
  const file = { sizeBytes, read: peek }
  return name === 'mp3' ? !declaresFrames(file) : endsWithoutPage(file)
}

/**
 * Above this size, the duration of a Matroska file that declares none is read from its end, in bytes. Smaller
 * ones are read through, which also finds where a second recording was appended.
 */
const MAX_SCANNED_MATROSKA_BYTES = 4 * 1024 * 1024
/** The longest duration that is assumed for the last frame of a Matroska file. */
const MAX_LAST_FRAME_SECONDS = 0.5

/** Returns the duration of a large Matroska file that declares none, as browsers record them, in seconds. */
function liveDuration(libav: Libav, options: DurationOptions): number | undefined {
  const { context, demuxer, sizeBytes, peek, allow } = options
  if (demuxer.name !== 'matroska' || sizeBytes <= MAX_SCANNED_MATROSKA_BYTES) return undefined
  const streams = playedStreams(libav, options)
  const unit = Math.max(...context.streams.map(({ timeBase }) => timeBase.num / timeBase.den))
  if (streams.length === 0 || !(unit > 0)) return undefined
  allow(2 * MAX_MATROSKA_END_BYTES)
  const end = lastFrameEnd({ sizeBytes, read: peek }, MAX_LAST_FRAME_SECONDS / unit)
  if (end === undefined || isFailure(end)) return undefined
  const start = Math.max(0, Math.min(...streams.map((stream) => stream.start + stream.padding)))
  const seconds = end * unit - start
  return seconds > 0 ? Math.round(seconds * MICROSECONDS) / MICROSECONDS : undefined
}

/** The largest chained Ogg audio file that is searched for its links, in bytes. */
const MAX_CHAIN_BYTES = 16 * 1024 * 1024
/**
 * A file up to this size is searched in any case, in a few reads. Recordings that were joined may have the same
 * serial number, and then the ends of the file do not differ.
 */
const MAX_SEARCHED_BYTES = 2 * 1024 * 1024

function chainedDuration(
  { constants }: Libav,
  { context, demuxer, sizeBytes, peek, allow }: DurationOptions,
): number | undefined {
  const isAudioOnly = context.streams.every(
    ({ codecpar }) => codecpar.codecType === constants.AVMEDIA_TYPE_AUDIO,
  )
  if (demuxer.name !== 'ogg' || !isAudioOnly || sizeBytes > MAX_CHAIN_BYTES) return undefined
  const file = { sizeBytes, read: peek }
  allow(REREAD_BYTES)
  if (sizeBytes > MAX_SEARCHED_BYTES && !mayBeChained(file)) return undefined
  allow(2 * sizeBytes + REREAD_BYTES)
  return chainedSeconds(file)
}

/**
 * Returns the duration that the container declares, in seconds, without the samples that the encoder added
 * before the audio. Ogg and fragments count these samples as part of each stream (RFC 7845, section 4).
 * Matroska declares when the last frame ends, and so does libav for fragments. That is not the duration when
 * the first frame does not start at 0, as in a recorded broadcast.
 */
function declaredDuration(libav: Libav, options: DurationOptions): number | undefined {
  const seconds = Number(options.context.duration) / MICROSECONDS
  const unplayed = unplayedSeconds(libav, options, seconds)
  const played = seconds - (Number.isFinite(unplayed) ? unplayed : 0)
  return played > 0 ? Math.round(played * MICROSECONDS) / MICROSECONDS : undefined
}

/**
 * Returns the part of the declared duration that is not played. Not finite when the streams do not declare
 * it.
 */
function unplayedSeconds(libav: Libav, options: DurationOptions, seconds: number): number {
  const { context, demuxer, isFragmented } = options
  const contextStart = Number(context.startTime) / MICROSECONDS
  const start = Math.max(0, contextStart)
  const streams = playedStreams(libav, options)
  const lastEnd = Math.max(...streams.map(({ end }) => end))
  const lastPlayed = Math.max(...streams.map(({ end, padding }) => end - padding))
  if (isFragmented) return start + lastEnd - lastPlayed
  if (demuxer.name === 'matroska')
    return Math.max(0, Math.min(...streams.map((stream) => stream.start + stream.padding)))
  // Clips and stills of a broadcast start at its first video frame.
  const videos = demuxer.startsWithVideo ? streams.filter(({ isVideo }) => isVideo) : []
  const skipped =
    videos.length > 0 ? Math.max(0, Math.min(...videos.map((video) => video.start)) - contextStart) : 0
  return demuxer.name === 'ogg' ? Math.max(0, seconds - (lastPlayed - start)) + skipped : skipped
}

/** The times that the container declares for a stream, in seconds. */
interface PlayedStream {
  readonly isVideo: boolean
  readonly start: number
  /** When the last frame ends. Not a number when it is not declared. */
  readonly end: number
  /** How long the samples that the encoder added before the audio last. A player drops them. */
  readonly padding: number
}

/** Returns the video and audio streams whose start is known. Cover images have no time. */
function playedStreams(
  { library, constants }: Libav,
  { context, demuxer, isFragmented }: DurationOptions,
): readonly PlayedStream[] {
  return context.streams.flatMap((stream) => {
    const { codecType, codecId, initialPadding, sampleRate } = stream.codecpar
    const isAudio = codecType === constants.AVMEDIA_TYPE_AUDIO
    const isShown =
      codecType === constants.AVMEDIA_TYPE_VIDEO &&
      !stream.hasDisposition(constants.AV_DISPOSITION_ATTACHED_PIC)
    if ((!isAudio && !isShown) || stream.startTime === constants.AV_NOPTS_VALUE) return []
    const unit = stream.timeBase.num / stream.timeBase.den
    const start = Number(stream.startTime) * unit
    const duration = stream.duration > 0n ? Number(stream.duration) * unit : Number.NaN
    // libav counts the duration of fragments, and of Opus in Ogg, from 0 rather than from the first frame.
    const isOpusInOgg = demuxer.name === 'ogg' && library.avGetCodecName(codecId) === 'opus'
    const end = isFragmented || isOpusInOgg ? duration : Math.max(0, start) + duration
    return {
      isVideo: isShown,
      start,
      end,
      padding: isAudio && sampleRate > 0 ? initialPadding / sampleRate : 0,
    }
  })
}

interface Scanned {
  /** Undefined when no packet has a duration. */
  readonly seconds: number | undefined
  readonly packets: number
}

/**
 * Determines the duration by reading the file through. Reading on afterwards requires a seek. The timestamps
 * of bare streams are guesses, but the durations of their packets are not.
 */
function scan({ library, constants }: Libav, context: FormatContext, demuxer: Demuxer): Scanned {
  const units = context.streams.map(({ timeBase }) => timeBase.num / timeBase.den)
  const isAudio = context.streams.map(({ codecpar }) => codecpar.codecType === constants.AVMEDIA_TYPE_AUDIO)
  const plays = context.streams.map(
    ({ codecpar }, index) => isAudio[index] || codecpar.codecType === constants.AVMEDIA_TYPE_VIDEO,
  )
  const hertz = context.streams.map(({ codecpar }) => codecpar.sampleRate)
  /**
   * The samples that the encoder added before and after the audio (LAME header, pre-skip of Opus), which are
   * not played, in seconds.
   */
  const skippedSeconds = (of: Packet) => {
    const skipped = of.getSideData(constants.AV_PKT_DATA_SKIP_SAMPLES)
    const rate = hertz[of.streamIndex] ?? 0
    if (skipped === null || skipped.length < SKIPPED_BYTES || rate <= 0) return { before: 0, after: 0 }
    return { before: skipped.readUInt32LE(0) / rate, after: skipped.readUInt32LE(4) / rate }
  }
  const spans = units.map(() => ({
    firstPacket: Number.POSITIVE_INFINITY,
    start: Number.POSITIVE_INFINITY,
    end: 0,
    played: 0,
  }))
  let frameSeconds: number | undefined
  let packets = 0
  using packet = new library.Packet()
  packet.alloc()
  while (context.readFrameSync(packet) >= 0) {
    packets += 1
    // An ID3 tag may hold a cover, whose packet comes first.
    if (demuxer.name === 'aac' && isAudio[packet.streamIndex]) frameSeconds ??= adtsSeconds(packet.data)
    const unit = units[packet.streamIndex] ?? 0
    const span = spans[packet.streamIndex]
    if (span !== undefined && plays[packet.streamIndex]) {
      const { before, after } = skippedSeconds(packet)
      const seconds = (frameSeconds ?? Number(packet.duration) * unit) - before - after
      const packetStart = packet.pts === constants.AV_NOPTS_VALUE ? span.played : Number(packet.pts) * unit
      const start = packetStart + before
      span.played += seconds
      span.firstPacket = Math.min(span.firstPacket, packetStart)
      span.start = Math.min(span.start, start)
      span.end = Math.max(span.end, start + seconds)
    }
    packet.unref()
  }
  for (const [index, stream] of context.streams.entries()) {
    const start = spans[index]?.firstPacket ?? Number.POSITIVE_INFINITY
    const ticks = Math.round(start / (units[index] ?? 1))
    // libav does not report the start time of a single frame, and the clock of a broadcast starts anywhere.
    if (stream.startTime === constants.AV_NOPTS_VALUE && Number.isFinite(ticks))
      stream.startTime = BigInt(ticks)
  }
  const played = Math.max(0, ...spans.map((span) => span.played))
  // Video and audio may start at different times. Where recordings were joined, timestamps start again:
  // players and clips end with the first recording, so the packets of the others do not count.
  const first = Math.min(...spans.map(({ start }) => start))
  const last = Math.max(0, ...spans.map(({ end }) => end))
  const longest = WITHOUT_INDEX.has(demuxer.name) || last <= first ? played : last - first
  // Rounded to the precision of libav durations, because a sum of frame durations is slightly too large.
  const seconds = Math.round(longest * MICROSECONDS) / MICROSECONDS
  return { seconds: longest > 0 ? seconds : undefined, packets }
}

/** The numbers of samples before and after the audio. */
const SKIPPED_BYTES = 8

const ADTS_SAMPLES = 1024
const ADTS_HERTZ = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350,
] as const

/**
 * Returns how long each frame of bare AAC plays, in seconds (ISO/IEC 13818-7, section 6.2). No audio decoder
 * is opened here that would report it.
 */
function adtsSeconds(frame: Buffer | null): number {
  const hertz = ADTS_HERTZ[((frame?.[2] ?? 0xff) >> 2) & 0xf]
  const blocks = ((frame?.[6] ?? 0) & 3) + 1
  return hertz === undefined ? 0 : (blocks * ADTS_SAMPLES) / hertz
}
