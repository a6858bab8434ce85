/** What a clip of a video is made of, and how it is encoded. */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { Size } from '../../../media/size.ts'
import type { VideoInfo } from '../container/container.ts'
import type { AudioTrack } from '../libav/stream-info.ts'
import type { Span } from './read-video.ts'

export interface VideoClipOptions {
  readonly format: ClipFormat
  readonly video: VideoInfo
  /** The upright size, with even sides. */
  readonly size: Size
  readonly quality: Quality
  /**
   * The span of the clip, from the requested start to the end that the container declares or that was
   * requested.
   */
  readonly span: Span
  /** The latest possible end, in seconds of the video: a container may declare less than it holds. */
  readonly lastSeconds: number
  /**
   * Whether the clip continues past the declared end. Called once, when the video has frames after
   * it.
   */
  readonly goesPastEnd: () => boolean
  /** The frame rate, when it is lower than that of the video. */
  readonly frameRate: number | undefined
  /** The approximate frame rate of the video. */
  readonly sourceRate: number
  /** Gaussian sigma in pixels of the clip. */
  readonly blur: number | undefined
  readonly audio: AudioTrack | undefined
  /** The largest frame that is decoded, in pixels. */
  readonly maxPixels: number
  /** The clip ends at this size, whatever remains of the video. */
  readonly maxBytes: number
  readonly maxFrames: number
  /** Called with the share of the span that is read, from 0 to 1. */
  readonly reportProgress: (share: number) => void
}
