/** A film decoded and encoded anew: upright, in the colours and the size that every player shows, with its sound in step. */

import type { ClipFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import type { VideoInfo } from '../container/container.ts'
import type { Libav } from '../libav/load.ts'
import type { OpenedStreams } from '../libav/open.ts'
import type { SoundTrack } from '../libav/stream-info.ts'
import { readFilm, type Span } from './film.ts'
import { openMuxer } from './muxer.ts'
import { keepsAlpha, openPictureTrack } from './picture-track.ts'
import { orRefused } from './refused.ts'
import { openSoundTrack } from './sound-track.ts'

export interface FilmClipOptions {
  readonly format: ClipFormat
  readonly video: VideoInfo
  /** Upright; even sides. */
  readonly size: Size
  readonly quality: Quality
  /** From the asked moment on, to the end that the container tells or that is asked for. */
  readonly span: Span
  /** When it ends at the latest, in seconds of the film: a container may tell less than it holds. */
  readonly lastSeconds: number
  /** Is asked once, where there is more of the film than its container tells. */
  readonly goesPastEnd: () => boolean
  /** Pictures a second, where that is less than the film has. */
  readonly pictureRate: number | undefined
  /** Pictures a second of the film, about. */
  readonly sourceRate: number
  /** Gaussian sigma in pixels of the clip. */
  readonly blur: number | undefined
  readonly sound: SoundTrack | undefined
  /** Largest picture that is decoded, in pixels. */
  readonly maxPixels: number
  /** The clip ends where it has so many, whatever is left of the film. */
  readonly maxBytes: number
  readonly maxPictures: number
  /** Is told how much of the span is read, from 0 to 1. */
  readonly tellProgress: (share: number) => void
}

/**
 * Encodes the span of an opened film. Fails with `undecodable` where it has no picture, or one that cannot be encoded, or
 * as the film is read.
 */
export function encodeFilm(libav: Libav, film: OpenedStreams, options: FilmClipOptions): Buffer | Failure {
  return orRefused(() => encode(libav, film, options))
}

function encode(libav: Libav, film: OpenedStreams, options: FilmClipOptions): Buffer | Failure {
  if (film.stream === undefined) return fail('undecodable', 'no video')
  using muxer = openMuxer(libav, options.format)
  using pictures = openPictureTrack(libav, film.stream, options)
  using sound = options.sound && openSoundTrack(libav, options.sound.stream, options)
  pictures.begin(muxer.addEncoded(pictures.encoder.context, { hasAlpha: keepsAlpha(options) }))
  sound?.begin(muxer.addEncoded(sound.encoder.context))
  muxer.begin()
  const goesOn = () => muxer.sizeBytes < options.maxBytes && pictures.count < options.maxPictures
  const { startSeconds, endSeconds } = options.span
  let goesPastEnd: boolean | undefined
  const failed = readFilm(libav, film, options, options.span, {
    onPicture(picture, seconds) {
      options.tellProgress((seconds - startSeconds) / (endSeconds - startSeconds))
      if (seconds >= endSeconds) goesPastEnd ??= endSeconds < options.lastSeconds && options.goesPastEnd()
      return pictures.add(picture, seconds) && goesPastEnd !== false && goesOn()
    },
    onSound: (samples, seconds) => sound?.add(samples, seconds) === true && goesOn(),
  })
  if (isFailure(failed)) return failed
  pictures.end()
  sound?.end()
  if (pictures.count === 0) return fail('undecodable', 'no picture decodes')
  return muxer.finish()
}
