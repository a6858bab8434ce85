import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { Stream } from 'node-av/lib'
import type { VideoInfo } from '../container/container.ts'
import { decoderOf } from './codec-names.ts'
import { type Decoder, openDecoder } from './decoder.ts'
import type { Libav } from './load.ts'

export interface VideoDecoderOptions {
  readonly stream: Stream
  readonly video: VideoInfo
  /** Largest picture that is decoded, in pixels. */
  readonly maxPixels: number
  /** One where nothing is said. */
  readonly threads?: number
}

/** Opens the decoder of a stream of pictures; the caller disposes of it. Fails with `unsupported-codec` or `undecodable`. */
export function openVideoDecoder(
  libav: Libav,
  { stream, video, ...bounds }: VideoDecoderOptions,
): Decoder | Failure {
  const { codecpar: parameters, timeBase } = stream
  const isSorenson = libav.library.avGetCodecName(parameters.codecId) === 'flv1'
  const name = isSorenson ? 'flv1' : video.codec
  const codec =
    name === undefined || name === 'hidden'
      ? undefined
      : decoderOf(libav, name, video.hasAlpha ? 'with alpha' : undefined)
  if (codec === undefined) return fail('unsupported-codec', 'video codec')
  return openDecoder(libav, { codec, parameters, timeBase, ...bounds })
}
