/** What decodes videos: libav in the process, or FFmpeg's binary as its child. Both mean the same by a moment. */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import type { Size } from '../../../media/size.ts'
import type { ImageSequence } from '../formats/heif/sequence.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import type { MediaSource } from '../source/media-source.ts'
import type { ContainerInfo, VideoInfo } from './container.ts'

/** A decoded frame, with square pixels. */
export interface Frame extends RawPicture {
  readonly timestampSeconds: number
}

export interface DecodeOptions {
  readonly video: VideoInfo
  /** Size of the result, upright. */
  readonly size: Size
  /** Largest frame a decoder may make, in pixels: a bitstream may declare another size than its container. */
  readonly maxPixels: number
  /** How much earlier a frame may be than its moment, in seconds, where it is dear to get there. Default: not at all. */
  readonly toleranceSeconds?: number
}

export type ByRange = Pick<MediaSource, 'sizeBytes' | 'read'>

export interface VideoDecoder {
  /**
   * Opens a file and reads what it holds, its first picture where that tells more than the container, if it has at most so
   * many pixels. The caller closes it. With the index of one of the other tracks its pictures are read instead of those that
   * are shown. Fails with `undecodable` where this decoder does not read such files, or as the bytes do.
   */
  openFile(
    source: ByRange,
    format: VideoFormat,
    maxPixels: number,
    other?: number,
  ): Promise<DecodedFile | Failure>
  /** The first frames of an image sequence, one after the other; ends with a failure where there are fewer. */
  playFrames(sequence: ImageSequence, options: PlayOptions): AsyncIterable<RawPicture | Failure>
}

/**
 * A moment in seconds from the start means the frame that a player shows then: the last one whose time is not later;
 * past the end the last one, without a moment the first.
 */
export type Moment = number | undefined

export interface DecodedFile {
  readonly info: ContainerInfo
  /** One result a moment, for the price of the last one where no key frames lie between. A result fails with `undecodable`, `unsupported-codec`, or as the bytes do. */
  readFrames(moments: readonly Moment[], options: DecodeOptions): Promise<readonly (Frame | Failure)[]>
  close(): Promise<void>
}

export interface PlayOptions {
  /** How many, at most as many as the sequence tells. */
  readonly count: number
  /** Size of each frame, upright. */
  readonly size: Size
  /** Largest picture that is decoded, in pixels. */
  readonly maxPixels: number
}
