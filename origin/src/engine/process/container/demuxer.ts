/**
 * Demuxes with mediabunny: the contents of a file, and the packets around a moment. An index of a few bytes
 * can declare billions of frames, and the library trusts it; the limits of the process stop that. The bytes
 * read are bounded here. Any exception of the library means that the file cannot be decoded.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import {
  ADTS,
  CustomSource,
  type EncodedPacket,
  EncodedPacketSink,
  FLAC,
  Input,
  type InputFormat,
  type InputTrack,
  type InputVideoTrack,
  Logging,
  LogLevel,
  MATROSKA,
  MP3,
  MP4,
  MPEG_TS,
  OGG,
  QTFF,
  WAVE,
  WEBM,
} from 'mediabunny'
import type { MediaFormat } from '../../../media/kinds.ts'
import type { MediaSource } from '../source/media-source.ts'
import { type AudioCodec, audioCodecOf, videoCodecOf } from './codecs.ts'
import type { Container, ContainerInfo, PacketRun, VideoInfo } from './container.ts'
import { isIdr } from './nal-units.ts'

Logging.level = LogLevel.Silent

/** The formats that can be demuxed here. The others (AVI, FLV, ASF, ...) need libav. */
const INPUT_FORMATS: Readonly<Partial<Record<MediaFormat, readonly InputFormat[]>>> = {
  mp4: [MP4, QTFF],
  mov: [QTFF, MP4],
  '3gp': [MP4, QTFF],
  m4a: [MP4, QTFF],
  webm: [WEBM, MATROSKA],
  mkv: [MATROSKA, WEBM],
  ts: [MPEG_TS],
  weba: [WEBM, MATROSKA],
  mka: [MATROSKA, WEBM],
  mp3: [MP3],
  wav: [WAVE],
  flac: [FLAC],
  ogg: [OGG],
  opus: [OGG],
  aac: [ADTS],
}

/**
 * The maximum number of bytes that the demuxer may read for one file: the index of ten hours, or a group of pictures in
 * 4K.
 */
const MAX_DEMUXED_BYTES = 64 * 1024 * 1024
/** The largest number of tracks that are read. */
const MAX_TRACKS = 64
/** How far after its key frame a frame may be. Beyond this, the whole file has to be read in another way. */
const MAX_RUN_PACKETS = 600
const MAX_RUN_BYTES = 24 * 1024 * 1024

type ByRange = Pick<MediaSource, 'sizeBytes' | 'read'>

/**
 * Opens a container and reads its contents. The caller closes it. `other` is the index of another video track
 * to read instead. Fails with `undecodable`, or as the bytes do.
 */
export async function demux(
  bytes: ByRange,
  format: MediaFormat,
  other?: number,
): Promise<Container | Failure> {
  const formats = INPUT_FORMATS[format]
  if (formats === undefined) return fail('undecodable', `no demuxer for ${format}`)
  const input = new Input({ formats: [...formats], source: sourceOf(bytes) })
  const opened = await guarded(async () => {
    const tracks = (await input.getTracks()).slice(0, MAX_TRACKS)
    const videos = await videoTracks(tracks, format)
    const [first, ...more] = videos
    const others = await accepted(more)
    const video = other === undefined ? first : others[other]?.track
    const startSeconds = video === undefined ? 0 : await startOf(input, video, format)
    const unplayedSeconds = video === undefined ? await preSkipOf(tracks) : startSeconds
    const info: ContainerInfo = {
      durationSeconds: await durationOf(input, bytes, DURATION_FROM_ZERO.has(format) ? unplayedSeconds : 0),
      video: video === undefined ? undefined : await videoInfo(video),
      others: others.map(({ info: described }) => described),
      audio: await audioCodecs(tracks),
    }
    return { info, video, startSeconds, trackIndex: video === undefined ? 0 : videos.indexOf(video) }
  })
  if (isFailure(opened)) {
    input.dispose()
    return opened
  }
  const { info, video, startSeconds, trackIndex } = opened
  return {
    info,
    trackIndex,
    readRun: (atSeconds) =>
      guarded(async () =>
        video === undefined
          ? fail('undecodable', 'no video track')
          : readRun(video, atSeconds ?? 0, startSeconds),
      ),
    close: () => input.dispose(),
  }
}

/** Formats whose duration counts from 0, whenever their content starts. */
const DURATION_FROM_ZERO: ReadonlySet<MediaFormat> = new Set(['ts', 'mkv', 'webm', 'mka', 'weba'])

/**
 * Returns the timestamp that a player shows as 0. It skips the time before the first video or audio; in a
 * broadcast, before the first video frame.
 */
async function startOf(input: Input, video: InputVideoTrack, format: MediaFormat): Promise<number> {
  return Math.max(0, format === 'ts' ? await video.getFirstTimestamp() : await input.getFirstTimestamp())
}

/**
 * Returns how long the samples at the start of Opus last that are not played, in seconds (RFC 7845, section
 * 4).
 */
async function preSkipOf(tracks: readonly InputTrack[]): Promise<number> {
  const audio = tracks.find((track) => track.isAudioTrack())
  const header = (await audio?.getDecoderConfig())?.description
  if (header === undefined) return 0
  const bytes = ArrayBuffer.isView(header)
    ? Buffer.from(header.buffer, header.byteOffset, header.byteLength)
    : Buffer.from(header)
  const isOpus = bytes.length >= 12 && bytes.toString('latin1', 0, 8) === 'OpusHead'
  return isOpus ? bytes.readUInt16LE(10) / 48_000 : 0
}

/** Carries a failure through a demuxer that only supports exceptions. */
class ReadFailure extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.detail ?? failure.code)
    this.failure = failure
  }
}

function sourceOf(bytes: ByRange): CustomSource {
  let readBytes = 0
  return new CustomSource({
    getSize: () => bytes.sizeBytes,
    read(start, end) {
      readBytes += end - start
      if (readBytes > MAX_DEMUXED_BYTES)
        throw new ReadFailure(fail('undecodable', 'index or frame too large'))
      const part = bytes.read(start, end)
      if (isFailure(part)) throw new ReadFailure(part)
      return part
    },
    maxCacheSize: 4 * 1024 * 1024,
    // A read that fails while nothing awaits it will fail again for the next reader.
    handleUnhandledError: () => undefined,
  })
}

async function guarded<T>(work: () => Promise<T | Failure>): Promise<T | Failure> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ReadFailure) return error.failure
    const message = (error instanceof Error ? error.message : String(error)).slice(0, 200)
    // The only codec check that the library makes itself, by throwing.
    return fail(message.startsWith('Unsupported WAVE') ? 'unsupported-codec' : 'undecodable', message)
  }
}

/** Returns the video tracks, the shown one first. Chapter images and covers are excluded. */
async function videoTracks(
  tracks: readonly InputTrack[],
  format: MediaFormat,
): Promise<readonly InputVideoTrack[]> {
  const videos: InputVideoTrack[] = []
  for (const track of tracks) {
    if (!track.isVideoTrack()) continue
    const id = await track.getInternalCodecId()
    const isImage = typeof id === 'string' && /^(jpeg|png|mjpg)\b/i.test(id.trim())
    if (format === 'm4a' && isImage) continue
    videos.push(track)
  }
  return videos
}

async function accepted(
  tracks: readonly InputVideoTrack[],
): Promise<readonly { readonly track: InputVideoTrack; readonly info: VideoInfo }[]> {
  const described = await Promise.all(tracks.map(async (track) => ({ track, info: await videoInfo(track) })))
  return described.filter(({ info }) => info.codec !== undefined)
}

async function videoInfo(track: InputVideoTrack): Promise<VideoInfo> {
  const [known, id, colours] = [
    await track.getCodec(),
    await track.getInternalCodecId(),
    await track.getColorSpace(),
  ]
  const name = known === 'prores' ? await proresName(track) : (known ?? id)
  return {
    codec: typeof name === 'string' ? videoCodecOf(name) : undefined,
    codecName: typeof name === 'string' ? name : undefined,
    width: await track.getDisplayWidth(),
    height: await track.getDisplayHeight(),
    codedWidth: await track.getCodedWidth(),
    codedHeight: await track.getCodedHeight(),
    rotation: await track.getRotation(),
    mirrored: await track.getFlip(),
    hasAlpha: (known === 'vp8' || known === 'vp9') && (await track.canBeTransparent()),
    colours: {
      matrix: colours.matrix ?? undefined,
      transfer: colours.transfer ?? undefined,
      primaries: colours.primaries ?? undefined,
      fullRange: colours.fullRange === true,
    },
  }
}

/** The offset in a ProRes frame of its chroma format (SMPTE RDD 36, section 5.1), in the top two bits. */
const PRORES_CHROMA_OFFSET = 20
const PRORES_444 = 3

/**
 * Returns the FourCC of a ProRes track, which identifies its variant. Undefined for a 4444 frame under
 * another variant's name.
 */
async function proresName(track: InputVideoTrack): Promise<string | undefined> {
  const frame = await new EncodedPacketSink(track).getFirstPacket()
  if (frame === null || (frame.data[PRORES_CHROMA_OFFSET] ?? 0) >> 6 === PRORES_444) return undefined
  return (await track.getCodecParameterString())?.slice(0, 4)
}

async function audioCodecs(tracks: readonly InputTrack[]): Promise<readonly (AudioCodec | undefined)[]> {
  const audio = tracks.filter((track) => track.isAudioTrack())
  return Promise.all(
    audio.map(async (track) => {
      const name = (await track.getCodec()) ?? (await track.getInternalCodecId())
      return typeof name === 'string' ? audioCodecOf(name) : undefined
    }),
  )
}

/** The largest file that is read through when only its last frame determines the duration, in bytes. */
const MAX_SCANNED_BYTES = 8 * 1024 * 1024
const SAMPLED_PACKETS = 1000

async function durationOf(input: Input, bytes: ByRange, startSeconds: number): Promise<number | undefined> {
  const declared = await input.getDurationFromMetadata()
  if (declared !== null && declared > 0) return finite(Math.max(0, declared - startSeconds))
  const format = await input.getFormat()
  // A bare AAC stream has no index. The duration of a large one is estimated from the bit rate of its start.
  if (format === ADTS && bytes.sizeBytes > MAX_SCANNED_BYTES) {
    const [track] = await input.getTracks()
    const bitsPerSecond = (await track?.computePacketStats(SAMPLED_PACKETS))?.averageBitrate
    return bitsPerSecond ? finite((bytes.sizeBytes * 8) / bitsPerSecond) : undefined
  }
  return finite(Math.max(0, (await input.computeDuration()) - startSeconds))
}

function finite(seconds: number): number | undefined {
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined
}

/** A moment that equals a frame's timestamp still refers to that frame. */
const ROUNDING_SECONDS = 1e-6

async function readRun(
  track: InputVideoTrack,
  atSeconds: number,
  startSeconds: number,
): Promise<PacketRun | Failure> {
  const sink = new EncodedPacketSink(track)
  // Content before 0 is removed by an edit list.
  const wantedPacket = await sink.getPacket(startSeconds + atSeconds + ROUNDING_SECONDS, {
    metadataOnly: true,
  })
  const key =
    (wantedPacket === null ? null : await keyPacketAt(sink, track, wantedPacket.timestamp)) ??
    (await sink.getFirstKeyPacket())
  if (key === null) return fail('undecodable', 'no key frame')
  const run = await packetsUpTo(sink, key, wantedPacket)
  if (isFailure(run)) return run
  const reached = run
    .map(({ timestamp }) => timestamp)
    .filter((time) => time <= (wantedPacket ?? key).timestamp)
  const target = reached.reduce((latest, time) => Math.max(latest, time), key.timestamp)
  return {
    packets: run.map(({ data, sideData, timestamp }) => ({
      data,
      alpha: sideData.alpha,
      timestampSeconds: timestamp - startSeconds,
    })),
    timestampSeconds: target - startSeconds,
    description: await descriptionOf(track),
  }
}

/**
 * Returns the key frame before a moment. Writers mark frames as key frames that are none, so the bitstream
 * decides; when it has none, the container's mark is used.
 */
async function keyPacketAt(
  sink: EncodedPacketSink,
  track: InputVideoTrack,
  timestamp: number,
): Promise<EncodedPacket | null> {
  const marked = await sink.getKeyPacket(timestamp)
  const tick = 1 / (await track.getTimeResolution())
  const description = await descriptionOf(track)
  let candidate = marked
  for (let step = 0; candidate !== null && step < MAX_RUN_PACKETS; step += 1) {
    if ((await track.determinePacketType(candidate)) !== 'delta') return candidate
    if ((await track.getCodec()) === 'avc' && isIdr('h264', candidate.data, description)) return candidate
    candidate = await sink.getKeyPacket(candidate.timestamp - tick)
  }
  return marked
}

/**
 * Returns the packets from a key frame up to the wanted one. Frames shown before their key frame are left
 * out: they depend on the previous group, and nothing depends on them.
 */
async function packetsUpTo(
  sink: EncodedPacketSink,
  key: EncodedPacket,
  wantedPacket: EncodedPacket | null,
): Promise<readonly EncodedPacket[] | Failure> {
  const run = [key]
  let bytes = key.byteLength
  let last = key
  while (wantedPacket !== null && last.sequenceNumber < wantedPacket.sequenceNumber) {
    const next = await sink.getNextPacket(last)
    if (next === null) break
    bytes += next.byteLength
    if (run.length >= MAX_RUN_PACKETS || bytes > MAX_RUN_BYTES)
      return fail('undecodable', 'too far behind its key frame')
    if (next.timestamp >= key.timestamp) run.push(next)
    last = next
  }
  return run
}

async function descriptionOf(track: InputVideoTrack): Promise<Uint8Array | undefined> {
  const description = (await track.getDecoderConfig())?.description
  return description === undefined ? undefined : bytesOf(description)
}

function bytesOf(source: ArrayBufferLike | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)
}
