/** Transcodes a video: upright, in colours and a size that every player shows, with its audio in sync. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { asFailure } from '../libav/libav-rejection.ts'
import type { Libav } from '../libav/load.ts'
import type { OpenedStreams } from '../libav/open.ts'
import { openAudioTrack } from './audio-track.ts'
import { openMuxer } from './muxer.ts'
import { readVideo } from './read-video.ts'
import type { VideoClipOptions } from './video-clip-options.ts'
import { keepsAlpha, openVideoTrack } from './video-track.ts'

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
  const failed = readVideo(libav, input, options, {
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
