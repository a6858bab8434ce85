/**
 * Opens the files that only libav can demux. The bytes come as ranges, and only the one named demuxer sees
 * them: there is no protocol, no probing and no other file.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Stream } from 'node-av/lib'
import type { VideoCodec } from '../container/codecs.ts'
import type { ContainerInfo, VideoInfo } from '../container/container.ts'
import type { DecodeOptions, Frame } from '../container/video-decoder.ts'
import { type DurationOptions, readDuration } from './duration.ts'
import { type Demuxer, demuxerOf, type LibavFormat } from './formats.ts'
import { openInput } from './input.ts'
import { type IsoIndex, readIndex } from './iso-index.ts'
import { withLastingEdits } from './lasting-edits.ts'
import type { Libav } from './load.ts'
import { openRangeIo, type RangeIo, type SyncRanges } from './range-io.ts'
import { createShownFrameReader, type ShownFrameReader } from './shown-frame.ts'
import { audioCodecs, selectVideoTracks, type Tracks, videoInfo } from './stream-info.ts'

export interface LibavFile extends Disposable {
  readonly info: ContainerInfo
  /**
   * Returns the frame that a player shows at a moment, in seconds from the start: the last one whose
   * timestamp is not later. Past the end it is the last frame; without a moment, the first one that is shown.
   * Fails with `undecodable`, with `unsupported-codec`, or as the source does.
   */
  readFrame(atSeconds: number | undefined, options: DecodeOptions): Frame | Failure
}

/** The largest number of bytes read to describe a file: the index of ten hours. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024
/**
 * The largest number of bytes read for one frame: two minutes at sixteen megabits per second after one key
 * frame.
 */
const MAX_FRAME_BYTES = 256 * 1024 * 1024
/** The bytes of a file that is read through to find a frame or all fragments may be read twice in part. */
const REREAD_BYTES = 4 * 1024 * 1024

/**
 * Returns the largest number of bytes read to describe a file. A fragmented file has no complete index, so libav
 * reads the header of every fragment. Together with the data around them, that can be the whole file.
 */
function maxIndexBytes({ isFragmented }: IsoIndex, sizeBytes: number): number {
  return isFragmented ? Math.max(MAX_INDEX_BYTES, sizeBytes + REREAD_BYTES) : MAX_INDEX_BYTES
}

/**
 * Returns the largest number of bytes read for one frame. A Matroska or AVI file without an index is read up to
 * it.
 */
function maxFrameBytes({ name, growsIndex }: Demuxer, sizeBytes: number): number {
  return name === 'matroska' || growsIndex
    ? Math.max(MAX_FRAME_BYTES, sizeBytes + REREAD_BYTES)
    : MAX_FRAME_BYTES
}

/** An opened file, for callers that read its packets themselves. */
export interface OpenedStreams extends Disposable {
  /**
   * Whether the next packet is the first one. Otherwise the file was read through to determine its duration.
   */
  readonly isAtStart: boolean
  readonly context: FormatContext
  readonly demuxer: Demuxer
  readonly bytes: RangeIo
  readonly info: ContainerInfo
  readonly tracks: Tracks
  /** The video stream that is shown. */
  readonly stream: Stream | undefined
  /** Whether an edit list shows parts of the video one after the other. libav cannot seek in such a file. */
  readonly isEdited: boolean
}

export interface StreamOptions {
  /** Codecs of which no frame is decoded to probe a stream. */
  readonly undecoded?: readonly VideoCodec[]
  /** The index of one of the other video tracks, which is read instead of the shown one. */
  readonly other?: number | undefined
}

/** The largest number of edits. With more, libav takes a second to build its index. */
const MAX_EDITS = 250
const NO_INDEX: IsoIndex = {
  edits: 0,
  videoEdits: 0,
  isFragmented: false,
  encryptedTracks: new Set(),
  endlessEdits: [],
}

/**
 * Opens a file and describes its streams. The caller disposes of it. Fails with `undecodable`, or as the
 * source does.
 */
export function openStreams(
  libav: Libav,
  source: SyncRanges,
  format: LibavFormat,
  options: StreamOptions = {},
): OpenedStreams | Failure {
  const { undecoded = [], other } = options
  const demuxer = demuxerOf(format)
  const bytes = openRangeIo(libav, source)
  const context = new libav.library.FormatContext()
  const dispose = () => {
    context.closeInputSync()
    bytes[Symbol.dispose]()
  }
  bytes.allow(MAX_INDEX_BYTES)
  const index =
    demuxer.name === 'mov' ? readIndex({ sizeBytes: source.sizeBytes, read: bytes.peek }) : NO_INDEX
  if (isFailure(index) || index.edits > MAX_EDITS) {
    dispose()
    return isFailure(index) ? index : fail('undecodable', `${index.edits} edits, at most ${MAX_EDITS}`)
  }
  if (index.endlessEdits.length > 0) {
    dispose()
    return openStreams(libav, withLastingEdits(source, index.endlessEdits), format, options)
  }
  bytes.allow(maxIndexBytes(index, source.sizeBytes))
  let described: Described | Failure
  try {
    const rejected = openInput(libav, { context, bytes, demuxer, undecoded })
    const { peek, allow } = bytes
    const { isFragmented } = index
    described =
      rejected ??
      describe(
        libav,
        { context, demuxer, sizeBytes: source.sizeBytes, isFragmented, peek, allow },
        encryptedStreams(context, index),
        other,
      )
    // libav describes the data that it received. When the source failed, that is not the whole file.
    if (bytes.failure !== undefined && bytes.failure.code !== 'undecodable') described = bytes.failure
  } catch (error) {
    // An exception of the source propagates through libav.
    dispose()
    throw error
  }
  if (isFailure(described)) {
    dispose()
    return described
  }
  return {
    ...described,
    context,
    demuxer,
    bytes,
    isEdited: index.videoEdits > 1,
    [Symbol.dispose]: dispose,
  }
}

/** Returns the indexes of the encrypted streams. */
function encryptedStreams({ streams }: FormatContext, { encryptedTracks }: IsoIndex): ReadonlySet<number> {
  const encrypted = streams.filter(
    ({ id, metadata }) => encryptedTracks.has(id) || metadata?.get(MATROSKA_KEY) != null,
  )
  return new Set(encrypted.map(({ index }) => index))
}

/**
 * The metadata key under which libav reports the key id of an encrypted track (RFC 9559, section
 * 5.1.4.1.31.8).
 */
const MATROSKA_KEY = 'enc_key_id'

/** The container declares the frame size of these codecs. */
const SIZE_IN_CONTAINER: readonly VideoCodec[] = ['vp8', 'vp9', 'av1']
/**
 * The parameter sets of these codecs may declare another size than the container. Their first frame has the
 * actual size; it is decoded once and also shown.
 */
const SIZE_IN_FRAME: readonly VideoCodec[] = ['h264', 'hevc']
/**
 * The codecs of which libav need not decode a frame to probe a stream, by demuxer. Matroska stores no
 * decoding timestamps; libav finds them by decoding when a video starts with reordered frames.
 */
const KNOWN_WITHOUT_DECODING: ReadonlyMap<string, readonly VideoCodec[]> = new Map([
  ['mov', [...SIZE_IN_CONTAINER, ...SIZE_IN_FRAME]],
  ['matroska', SIZE_IN_CONTAINER],
])

export interface OpenFileOptions {
  /** The largest number of pixels of a frame. */
  readonly maxPixels?: number | undefined
  /** The index of one of the other video tracks, which is read instead of the shown one. */
  readonly other?: number | undefined
}

/**
 * Opens a file to read single frames. With `maxPixels`, libav decodes no frame to probe the streams. If only
 * the first frame determines the size, that frame is decoded at once.
 */
export function openWithLibav(
  libav: Libav,
  source: SyncRanges,
  format: LibavFormat,
  { maxPixels, other }: OpenFileOptions = {},
): LibavFile | Failure {
  const undecoded =
    (maxPixels === undefined ? undefined : KNOWN_WITHOUT_DECODING.get(demuxerOf(format).name)) ?? []
  const opened = openStreams(libav, source, format, { undecoded, other })
  if (isFailure(opened)) return opened
  const { info, stream, bytes } = opened
  const frameBytes = maxFrameBytes(opened.demuxer, source.sizeBytes)
  if (stream === undefined || info.video === undefined) {
    return {
      info,
      readFrame: () => fail('undecodable', 'no video'),
      [Symbol.dispose]: () => opened[Symbol.dispose](),
    }
  }
  let { video } = info
  let reader: ShownFrameReader | undefined
  const dispose = () => {
    reader?.[Symbol.dispose]()
    opened[Symbol.dispose]()
  }
  const openReader = (isAtStart: boolean) =>
    createShownFrameReader(libav, {
      ...opened,
      stream,
      video,
      isAtStart,
      durationSeconds: info.durationSeconds,
    })
  const isLeft = SIZE_IN_FRAME.some((codec) => codec === video.codec && undecoded.includes(codec))
  if (maxPixels !== undefined && isLeft) {
    bytes.allow(frameBytes)
    reader = openReader(opened.isAtStart)
    try {
      const first = reader.readFirst(maxPixels)
      if (first !== undefined) video = videoInfo(libav, stream, first)
    } catch (error) {
      dispose()
      throw error
    }
    if (bytes.failure !== undefined) {
      dispose()
      return bytes.failure
    }
  }
  let isAtStart = opened.isAtStart && reader === undefined
  return {
    info: { ...info, video },
    readFrame(atSeconds, options) {
      bytes.allow(frameBytes)
      reader ??= openReader(isAtStart)
      isAtStart = false
      const frame = reader.read(atSeconds, options)
      if (bytes.failure === undefined) return frame
      // The frame that was reached when reading stopped is not the one that is shown at this moment.
      reader[Symbol.dispose]()
      reader = undefined
      return bytes.failure
    },
    [Symbol.dispose]: dispose,
  }
}

interface Described {
  readonly info: ContainerInfo
  readonly tracks: Tracks
  readonly stream: Stream | undefined
  readonly isAtStart: boolean
}

function describe(
  libav: Libav,
  options: DurationOptions,
  encrypted: ReadonlySet<number>,
  other: number | undefined,
): Described | Failure {
  const tracks: Tracks = { streams: options.context.streams, encrypted }
  const { shown, others } = selectVideoTracks(libav, tracks)
  const stream = other === undefined ? shown : others[other]
  const duration = readDuration(libav, options)
  if (duration.isEmpty) return fail('undecodable', 'no packets')
  const info: ContainerInfo = {
    video: stream === undefined ? undefined : infoOf(libav, stream, tracks),
    others: others.map((track) => videoInfo(libav, track)),
    audio: audioCodecs(libav, tracks),
    durationSeconds: duration.seconds,
  }
  return { info, tracks, stream, isAtStart: !duration.readThrough }
}

/** Encrypted streams count as having an unsupported codec. */
function infoOf(libav: Libav, stream: Stream, { encrypted }: Tracks): VideoInfo {
  const info = videoInfo(libav, stream)
  return encrypted.has(stream.index) ? { ...info, codec: undefined } : info
}
