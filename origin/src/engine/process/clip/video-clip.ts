/** Transcodes a video: upright, in colours and a size that every player shows, with its audio in sync. */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import type { VideoInfo } from '../container/container.ts'
import type { Libav } from '../libav/load.ts'
import type { OpenedStreams } from '../libav/open.ts'
import type { AudioTrack } from '../libav/stream-info.ts'
import { openAudioTrack } from './audio-track.ts'
import { asFailure } from './libav-rejection.ts'
import { openMuxer } from './muxer.ts'
import { readVideo, type Span } from './read-video.ts'
import { keepsAlpha, openVideoTrack } from './video-track.ts'

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
   * Returns whether the clip continues past the declared end. Called once, when the video has frames after
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

/**
 * Encodes the span of an opened video. Fails with `undecodable` when no frame of it can be decoded, or one
 * cannot be encoded, or as reading the video fails.
 */
export function encodeVideoClip(
  libav: Libav,
  input: OpenedStreams,
  options: VideoClipOptions,
): Buffer | Failure {
  return asFailure(() => encode(libav, input, options))
}

function encode(libav: Libav, input: OpenedStreams, options: VideoClipOptions): Buffer | Failure {
  if (input.stream === undefined) return fail('undecodable', 'no video')
  using muxer = openMuxer(libav, options.format)
  using videoTrack = openVideoTrack(libav, input.stream, options)
  using audio = options.audio && openAudioTrack(libav, options.audio.stream, options)
  videoTrack.begin(muxer.addEncoded(videoTrack.encoder.context, { hasAlpha: keepsAlpha(options) }))
  audio?.begin(muxer.addEncoded(audio.encoder.context))
  muxer.begin()
  const goesOn = () => muxer.sizeBytes < options.maxBytes && videoTrack.count < options.maxFrames
  const { startSeconds, endSeconds } = options.span
  let goesPastEnd: boolean | undefined
  const failed = readVideo(libav, input, options, options.span, {
    onFrame(frame, seconds) {
      options.reportProgress((seconds - startSeconds) / (endSeconds - startSeconds))
      if (seconds >= endSeconds) goesPastEnd ??= endSeconds < options.lastSeconds && options.goesPastEnd()
      return videoTrack.add(frame, seconds) && goesPastEnd !== false && goesOn()
    },
    onAudio: (samples, seconds) => audio?.add(samples, seconds) === true && goesOn(),
  })
  if (isFailure(failed)) return failed
  videoTrack.end()
  audio?.end()
  if (videoTrack.count === 0) return fail('undecodable', 'no frame could be decoded')
  return muxer.finish()
}
