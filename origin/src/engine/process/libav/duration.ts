/** How long a file plays. */

import type { FormatContext, Packet } from 'node-av/lib'
import type { Demuxer } from './formats.ts'
import type { Libav } from './load.ts'
import { chainedSeconds, mayBeChained, type OggBytes } from './ogg-links.ts'

export interface DurationOptions {
  readonly context: FormatContext
  readonly demuxer: Demuxer
  readonly sizeBytes: number
  /** Its index says that its samples come in fragments. */
  readonly isFragmented: boolean
  /** The bytes of a range, past libav. */
  readonly peek: OggBytes['read']
  /** Lets so many bytes be read from now on. */
  readonly allow: (bytes: number) => void
}

/** Of a bare stream libav tells what the bit rate of its start would come to, which is wrong where it varies. */
const WITHOUT_INDEX: ReadonlySet<string> = new Set(['mp3', 'aac'])
/**
 * Files up to this size are read through where nothing but their frames tells how long they last: two hours of MP3, at 6 ms
 * a megabyte.
 */
const MAX_SCANNED_BYTES = 128 * 1024 * 1024
/** What was read for the streams is read again. */
const REREAD_BYTES = 4 * 1024 * 1024
const MICROSECONDS = 1_000_000

export interface Duration {
  /** Seconds that a file plays, edit lists applied; undefined where nothing tells. */
  readonly seconds: number | undefined
  /** Whether the file was read to its end for that. */
  readonly readThrough: boolean
}

/** Finds out how long a file plays. */
export function readDuration(libav: Libav, options: DurationOptions): Duration {
  const { context, demuxer, sizeBytes, allow } = options
  const declared = chainedDuration(libav, options) ?? declaredDuration(options)
  const exact = declared !== undefined && !WITHOUT_INDEX.has(demuxer.name)
  if (exact || sizeBytes > MAX_SCANNED_BYTES) return { seconds: declared, readThrough: false }
  allow(sizeBytes + REREAD_BYTES)
  return { seconds: scannedDuration(libav, context, demuxer) ?? declared, readThrough: true }
}

/** Chained sound in Ogg up to this size is gone through for its links. */
const MAX_CHAIN_BYTES = 16 * 1024 * 1024

function chainedDuration(
  { constants }: Libav,
  { context, demuxer, sizeBytes, peek, allow }: DurationOptions,
): number | undefined {
  const isSound = context.streams.every(({ codecpar }) => codecpar.codecType === constants.AVMEDIA_TYPE_AUDIO)
  if (demuxer.name !== 'ogg' || !isSound || sizeBytes > MAX_CHAIN_BYTES) return undefined
  const file = { sizeBytes, read: peek }
  allow(REREAD_BYTES)
  if (!mayBeChained(file)) return undefined
  allow(2 * sizeBytes + REREAD_BYTES)
  return chainedSeconds(file)
}

/**
 * Matroska tells when the last frame ends, and so does libav of fragments, which is no duration where the first one does not
 * come at 0, as in what was recorded from a broadcast.
 */
function declaredDuration({
  context: { duration, startTime },
  demuxer,
  isFragmented,
}: DurationOptions): number | undefined {
  const tellsEnd = demuxer.name === 'matroska' || isFragmented
  const unplayed = tellsEnd && startTime > 0n ? startTime : 0n
  return duration > unplayed ? Number(duration - unplayed) / MICROSECONDS : undefined
}

/** Reads a file through; what reads on has to seek before. Times of bare streams are guesses, but not their durations. */
function scannedDuration(
  { library, constants }: Libav,
  context: FormatContext,
  demuxer: Demuxer,
): number | undefined {
  const units = context.streams.map(({ timeBase }) => timeBase.num / timeBase.den)
  const plays = context.streams.map(
    ({ codecpar: { codecType } }) =>
      codecType === constants.AVMEDIA_TYPE_VIDEO || codecType === constants.AVMEDIA_TYPE_AUDIO,
  )
  const hertz = context.streams.map(({ codecpar }) => codecpar.sampleRate)
  /** What an encoder put before and behind the sound, as LAME's header tells, is not played. */
  const skippedSeconds = (of: Packet) => {
    const skipped = of.getSideData(constants.AV_PKT_DATA_SKIP_SAMPLES)
    const rate = hertz[of.streamIndex] ?? 0
    if (skipped === null || skipped.length < SKIPPED_BYTES || rate <= 0) return 0
    return (skipped.readUInt32LE(0) + skipped.readUInt32LE(4)) / rate
  }
  const spans = units.map(() => ({ start: Number.POSITIVE_INFINITY, end: 0, played: 0 }))
  let frameSeconds: number | undefined
  using packet = new library.Packet()
  packet.alloc()
  while (context.readFrameSync(packet) >= 0) {
    if (demuxer.name === 'aac') frameSeconds ??= adtsSeconds(packet.data)
    const unit = units[packet.streamIndex] ?? 0
    const span = spans[packet.streamIndex]
    if (span !== undefined && plays[packet.streamIndex]) {
      const seconds = (frameSeconds ?? Number(packet.duration) * unit) - skippedSeconds(packet)
      const start = packet.pts === constants.AV_NOPTS_VALUE ? span.played : Number(packet.pts) * unit
      span.played += seconds
      span.start = Math.min(span.start, start)
      span.end = Math.max(span.end, start + seconds)
    }
    packet.unref()
  }
  for (const [index, stream] of context.streams.entries()) {
    const start = spans[index]?.start ?? Number.POSITIVE_INFINITY
    const ticks = Math.round(start / (units[index] ?? 1))
    // Of a single picture libav knows no start, and a broadcast's clock begins anywhere.
    if (stream.startTime === constants.AV_NOPTS_VALUE && Number.isFinite(ticks))
      stream.startTime = BigInt(ticks)
  }
  const isBare = WITHOUT_INDEX.has(demuxer.name)
  const longestPlayed = Math.max(0, ...spans.map(({ played }) => played))
  // Pictures and sound may begin one after the other.
  const first = Math.min(...spans.map(({ start }) => start))
  const last = Math.max(0, ...spans.map(({ end }) => end))
  const longest = isBare ? longestPlayed : Math.max(longestPlayed, last - first)
  // As exactly as libav tells durations: a sum of frames is a little more than it should be.
  return longest > 0 ? Math.round(longest * MICROSECONDS) / MICROSECONDS : undefined
}

/** Two numbers of samples: those before the sound, and those behind it. */
const SKIPPED_BYTES = 8

const ADTS_SAMPLES = 1024
const ADTS_HERTZ = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350,
] as const

/** How long each frame of bare AAC plays (ISO/IEC 13818-7, section 6.2): no decoder of sound is opened that would tell. */
function adtsSeconds(frame: Buffer | null): number {
  const hertz = ADTS_HERTZ[((frame?.[2] ?? 0xff) >> 2) & 0xf]
  const blocks = ((frame?.[6] ?? 0) & 3) + 1
  return hertz === undefined ? 0 : (blocks * ADTS_SAMPLES) / hertz
}
