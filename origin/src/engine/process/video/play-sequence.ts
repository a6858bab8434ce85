import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ImageFacts } from '../image/inspect.ts'
import type { Played } from '../image/render-image.ts'
import type { ImageSequence } from '../image/sequence.ts'
import { memorySource } from '../source.ts'
import { decodeSequence } from './decode.ts'
import { maxPixels } from './frame-reader.ts'
import { openVideo, type VideoTools } from './video.ts'

/**
 * Plays a sequence of images whose header was judged with all its frames. Fails as `openVideo` does, with
 * `undecodable` where a frame is missing, or as FFmpeg does.
 */
export async function playSequence(
  tools: VideoTools,
  sequence: ImageSequence,
  { width, height }: ImageFacts,
): Promise<Played | Failure> {
  const opened = await openVideo(tools, memorySource(sequence.asVideo(), undefined), 'mp4')
  if (isFailure(opened)) return opened
  opened.close()
  if (tools.ffmpeg === undefined) return fail('not-ready', 'there is no decoder of videos')
  const { hasAlpha, frames: count } = sequence
  const decoded = await decodeSequence(tools.ffmpeg, sequence.asVideo('with alpha'), count, {
    video: { ...opened.facts.video, hasAlpha },
    size: { width, height },
    maxPixels: maxPixels(tools.limits),
  })
  if (isFailure(decoded)) return decoded
  const { data, channels } = decoded
  const frameBytes = width * height * channels
  const frames = Array.from({ length: count }, (_, index) => ({
    ...{ width, height, channels },
    data: data.subarray(index * frameBytes, (index + 1) * frameBytes),
  }))
  return { frames, count, timing: sequence.timing(count) }
}
