/**
 * Files that libav demuxes: what nothing else here reads. The bytes come by ranges, and the one demuxer that was
 * named sees them; there is no protocol, no probing and no other file.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { FormatContext, Stream } from 'node-av/lib'
import type { ContainerInfo } from '../container/container.ts'
import type { DecodeOptions, Frame } from '../container/video-decoder.ts'
import { type DurationOptions, durationOf } from './duration.ts'
import { type Demuxer, demuxerOf, type LibavFormat } from './formats.ts'
import { openInput } from './input.ts'
import type { Libav } from './load.ts'
import { openRangeIo, type RangeIo, type RangeSource } from './range-io.ts'
import { createShownFrameReader, type ShownFrameReader } from './shown-frame.ts'
import { audioCodecs, shownVideo, videoInfo } from './stream-info.ts'

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
  readonly context: FormatContext
  readonly demuxer: Demuxer
  readonly bytes: RangeIo
  readonly info: ContainerInfo
  /** The video that is shown. */
  readonly stream: Stream | undefined
}

/**
 * Opens a file and reads what it holds; the caller disposes of it. Fails with `undecodable`, or as the source
 * does.
 */
export function openStreams(libav: Libav, source: RangeSource, format: LibavFormat): OpenedStreams | Failure {
  const demuxer = demuxerOf(format)
  const bytes = openRangeIo(libav, source)
  const context = new libav.library.FormatContext()
  const dispose = () => {
    context.closeInputSync()
    bytes[Symbol.dispose]()
  }
  bytes.allow(MAX_INDEX_BYTES)
  let described: Described | Failure
  try {
    const rejected = openInput(libav, { context, bytes, demuxer })
    described =
      rejected ?? describe(libav, { context, demuxer, sizeBytes: source.sizeBytes, allow: bytes.allow })
  } catch (error) {
    // A source that throws has thrown through libav.
    dispose()
    throw error
  }
  if (isFailure(described)) {
    dispose()
    return described
  }
  return { ...described, context, demuxer, bytes, [Symbol.dispose]: dispose }
}

/** The same for whoever wants single frames. */
export function openWithLibav(libav: Libav, source: RangeSource, format: LibavFormat): LibavFile | Failure {
  const opened = openStreams(libav, source, format)
  if (isFailure(opened)) return opened
  const { info, stream, context, demuxer, bytes } = opened
  let reader: ShownFrameReader | undefined
  return {
    info,
    readFrame(atSeconds, options) {
      if (stream === undefined || info.video === undefined) return fail('undecodable', 'no video')
      bytes.allow(MAX_FRAME_BYTES)
      const { video, durationSeconds } = info
      reader ??= createShownFrameReader(libav, { context, stream, demuxer, video, durationSeconds })
      const frame = reader.read(atSeconds, options)
      if (bytes.failure === undefined) return frame
      // What was reached before reading ended is not what is shown then.
      reader[Symbol.dispose]()
      reader = undefined
      return bytes.failure
    },
    [Symbol.dispose]() {
      reader?.[Symbol.dispose]()
      opened[Symbol.dispose]()
    },
  }
}

interface Described {
  readonly info: ContainerInfo
  readonly stream: Stream | undefined
}

function describe(libav: Libav, options: DurationOptions): Described {
  const streams = options.context.streams
  const stream = shownVideo(libav, streams)
  const info: ContainerInfo = {
    video: stream === undefined ? undefined : videoInfo(libav, stream),
    audio: audioCodecs(libav, streams),
    durationSeconds: durationOf(libav, options),
  }
  return { info, stream }
}
