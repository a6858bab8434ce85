/**
 * The interface of video decoders: libav in the process, or FFmpeg's binary as its child. Both choose the
 * same frame for a moment.
 */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import type { Size } from '../../../media/size.ts'
import type { ImageSequence } from '../formats/heif/sequence.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import type { MediaSource } from '../source/media-source.ts'
import type { ContainerInfo, VideoInfo } from './container.ts'

/** A decoded frame, with square pixels. */
export interface Frame extends RawImage {
  readonly timestampSeconds: number
}

export interface DecodeOptions {
  readonly video: VideoInfo
  /** The size of the result, upright. */
  readonly size: Size
  /**
   * The largest frame that a decoder may produce, in pixels. A bitstream may declare another size than its
   * container.
   */
  readonly maxPixels: number
  /**
   * How much earlier than its moment a frame may be, in seconds, when reaching the moment is expensive.
   * Default: not at all.
   */
  readonly toleranceSeconds?: number
}

export type ByRange = Pick<MediaSource, 'sizeBytes' | 'read'>

export interface VideoDecoder {
  /**
   * Opens a file and reads its contents. When the first frame determines more than the container declares,
   * that frame is decoded, if it has at most `maxPixels`. The caller closes the file. `other` is the index of
   * another track whose frames are read instead. Fails with `undecodable` when this decoder does not support
   * such files, or as the bytes do.
   */
  openFile(
    source: ByRange,
    format: VideoFormat,
    maxPixels: number,
    other?: number,
  ): Promise<DecodedFile | Failure>
  /** Yields the first frames of an image sequence in order. Ends with a failure when there are fewer. */
  playFrames(sequence: ImageSequence, options: PlayOptions): AsyncIterable<RawImage | Failure>
}

/**
 * A moment in seconds from the start. It refers to the frame that a player shows then: the last one whose
 * timestamp is not later. Past the end it is the last frame, and undefined means the first one.
 */
export type Timestamp = number | undefined

export interface DecodedFile {
  readonly info: ContainerInfo
  /**
   * Returns one result per moment, for the cost of the last one when no key frames lie in between. A result
   * fails with `undecodable`, `unsupported-codec`, or as the bytes do.
   */
  readFrames(timestamps: readonly Timestamp[], options: DecodeOptions): Promise<readonly (Frame | Failure)[]>
  close(): Promise<void>
}

export interface PlayOptions {
  /** The number of frames, at most as many as the sequence declares. */
  readonly count: number
  /** The size of each frame, upright. */
  readonly size: Size
  /** The largest frame that is decoded, in pixels. */
  readonly maxPixels: number
}
