/** Creates a decoder that uses FFmpeg's binary, for when libav is unavailable. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { openContainer } from '../container/open-container.ts'
import type { PlayOptions, VideoDecoder } from '../container/video-decoder.ts'
import type { ImageSequence } from '../formats/heif/sequence.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { memorySource } from '../source/media-source.ts'
import { decodeSequence } from './decode.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { openFfmpegFile } from './open-file.ts'

export function createFfmpegDecoder(ffmpeg: Ffmpeg, maxFileBytes: number): VideoDecoder {
  return {
    openFile: (source, format, _, other) => openFfmpegFile(ffmpeg, source, format, { maxFileBytes, other }),
    playFrames: (sequence, options) => playSequence(ffmpeg, sequence, options),
  }
}

/** FFmpeg returns all requested frames at once. */
async function* playSequence(
  ffmpeg: Ffmpeg,
  sequence: ImageSequence,
  { count, size, maxPixels }: PlayOptions,
): AsyncGenerator<RawImage | Failure, void, void> {
  const opened = await openContainer(memorySource(sequence.asVideo(), undefined), 'mp4')
  if (isFailure(opened)) return yield opened
  opened.close()
  if (opened.info.video === undefined) return yield fail('undecodable', 'no frames')
  const video = { ...opened.info.video, hasAlpha: sequence.hasAlpha }
  const decoded = await decodeSequence(ffmpeg, sequence.asVideo('with alpha'), count, {
    video,
    size,
    maxPixels,
  })
  if (isFailure(decoded)) return yield decoded
  const { data, channels } = decoded
  const { width, height } = size
  const frameBytes = width * height * channels
  for (let index = 0; index < count; index += 1) {
    yield { width, height, channels, data: data.subarray(index * frameBytes, (index + 1) * frameBytes) }
  }
}
