/**
 * Files that libav demuxes: what nothing else here reads. The bytes come by ranges, and the one demuxer that was
 * named sees them; there is no protocol, no probing and no other file.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Stream } from 'node-av/lib'
import type { VideoCodec } from '../container/codecs.ts'
import type { ContainerInfo, VideoInfo } from '../container/container.ts'
import type { DecodeOptions, Frame } from '../container/video-decoder.ts'
import { type DurationOptions, readDuration } from './duration.ts'
import { type Demuxer, demuxerOf, type LibavFormat } from './formats.ts'
import { openInput } from './input.ts'
import { type IsoIndex, lookAtIndex } from './iso-index.ts'
import type { Libav } from './load.ts'
import { openRangeIo, type RangeIo, type RangeSource } from './range-io.ts'
import { createShownFrameReader, type ShownFrameReader } from './shown-frame.ts'
import { audioCodecs, pictureTracks, type Tracks, videoInfo } from './stream-info.ts'

export interface LibavFile extends Disposable {
  readonly info: ContainerInfo
  /**
   * The frame that a player shows at a moment, in seconds from the start: the last one whose time is not later.
   * Past the end the last frame, without a moment the first that is shown. Fails with `undecodable`, with
   * `unsupported-codec`, or as the source does.
   */
  readFrame(atSeconds: number | undefined, options: DecodeOptions): Frame | Failure
}

/** Most bytes that are read for the description of a file: the index of ten hours. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024
/** Most bytes that are read for one frame: two minutes at sixteen megabits a second behind one key frame. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024

/** A file that was opened, for whoever reads on by itself. */
export interface OpenedStreams extends Disposable {
  /** Its first packet comes next; else it was read through to tell how long it is. */
  readonly isAtStart: boolean
  readonly context: FormatContext
  readonly demuxer: Demuxer
  readonly bytes: RangeIo
  readonly info: ContainerInfo
  readonly tracks: Tracks
  /** The video that is shown. */
  readonly stream: Stream | undefined
  /** An edit list shows parts of its pictures one after the other: libav cannot search them. */
  readonly isEdited: boolean
}

export interface StreamOptions {
  /** Codecs of which no picture is decoded to learn what a stream is. */
  readonly undecoded?: readonly VideoCodec[]
  /** The index of one of the other tracks of pictures, which is read instead of the one that is shown. */
  readonly other?: number | undefined
}

/** Of more edits libav takes a second to make its index. */
const MAX_EDITS = 250
const NO_INDEX: IsoIndex = { edits: 0, pictureEdits: 0, isFragmented: false, encryptedTracks: new Set() }

/**
 * Opens a file and reads what it holds; the caller disposes of it. Fails with `undecodable`, or as the source
 * does.
 */
export function openStreams(
  libav: Libav,
  source: RangeSource,
  format: LibavFormat,
  { undecoded = [], other }: StreamOptions = {},
): OpenedStreams | Failure {
  const demuxer = demuxerOf(format)
  const bytes = openRangeIo(libav, source)
  const context = new libav.library.FormatContext()
  const dispose = () => {
    context.closeInputSync()
    bytes[Symbol.dispose]()
  }
  bytes.allow(MAX_INDEX_BYTES)
  const index =
    demuxer.name === 'mov' ? lookAtIndex({ sizeBytes: source.sizeBytes, read: bytes.peek }) : NO_INDEX
  if (isFailure(index) || index.edits > MAX_EDITS) {
    dispose()
    return isFailure(index) ? index : fail('undecodable', `${index.edits} edits, at most ${MAX_EDITS}`)
  }
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
    // Libav describes what it has got so far; that is not the file where its source failed.
    if (bytes.failure !== undefined && bytes.failure.code !== 'undecodable') described = bytes.failure
  } catch (error) {
    // A source that throws has thrown through libav.
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
    isEdited: index.pictureEdits > 1,
    [Symbol.dispose]: dispose,
  }
}

function encryptedStreams({ streams }: FormatContext, { encryptedTracks }: IsoIndex): ReadonlySet<number> {
  const encrypted = streams.filter(
    ({ id, metadata }) => encryptedTracks.has(id) || metadata?.get(MATROSKA_KEY) != null,
  )
  return new Set(encrypted.map(({ index }) => index))
}

/** Under which libav tells the key of an encrypted track (RFC 9559, section 5.1.4.1.31.8). */
const MATROSKA_KEY = 'enc_key_id'

/** Their pictures have the size that the container tells. */
const TOLD_BY_CONTAINER: readonly VideoCodec[] = ['vp8', 'vp9', 'av1']
/** Their parameter sets may tell another one, and the first picture has it: decoded once, it is shown, too. */
const TOLD_BY_PICTURE: readonly VideoCodec[] = ['h264', 'hevc']
/**
 * Codecs of which libav need not decode a picture to learn what a stream is, by demuxer. Matroska has no times of decoding,
 * of which libav learns by decoding when a film of pictures out of order starts.
 */
const TOLD: ReadonlyMap<string, readonly VideoCodec[]> = new Map([
  ['mov', [...TOLD_BY_CONTAINER, ...TOLD_BY_PICTURE]],
  ['matroska', TOLD_BY_CONTAINER],
])

/**
 * The same for whoever wants single frames. With a number of pixels the first picture is decoded at once where only it
 * tells how large it is, and no other to learn what the streams are.
 */
export function openWithLibav(
  libav: Libav,
  source: RangeSource,
  format: LibavFormat,
  maxPixels?: number,
  other?: number,
): LibavFile | Failure {
  const undecoded = (maxPixels === undefined ? undefined : TOLD.get(demuxerOf(format).name)) ?? []
  const opened = openStreams(libav, source, format, { undecoded, other })
  if (isFailure(opened)) return opened
  const { info, stream, bytes } = opened
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
  const isLeft = TOLD_BY_PICTURE.some((codec) => codec === video.codec && undecoded.includes(codec))
  if (maxPixels !== undefined && isLeft) {
    bytes.allow(MAX_FRAME_BYTES)
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
      bytes.allow(MAX_FRAME_BYTES)
      reader ??= openReader(isAtStart)
      isAtStart = false
      const frame = reader.read(atSeconds, options)
      if (bytes.failure === undefined) return frame
      // What was reached before reading ended is not what is shown then.
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
): Described {
  const tracks: Tracks = { streams: options.context.streams, encrypted }
  const { shown, others } = pictureTracks(libav, tracks)
  const stream = other === undefined ? shown : others[other]
  const duration = readDuration(libav, options)
  const info: ContainerInfo = {
    video: stream === undefined ? undefined : infoOf(libav, stream, tracks),
    others: others.map((track) => videoInfo(libav, track)),
    audio: audioCodecs(libav, tracks),
    durationSeconds: duration.seconds,
  }
  return { info, tracks, stream, isAtStart: !duration.readThrough }
}

/** What is encrypted is of no codec that anybody plays. */
function infoOf(libav: Libav, stream: Stream, { encrypted }: Tracks): VideoInfo {
  const info = videoInfo(libav, stream)
  return encrypted.has(stream.index) ? { ...info, codec: undefined } : info
}
