import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { ImageSequence } from '../formats/heif/sequence.ts'
import type { ImageInfo } from '../image/inspect.ts'
import type { Played } from '../image/render-image.ts'
import { maxPixels } from './frame-size.ts'
import type { VideoTools } from './video.ts'

/**
 * Plays a sequence of images whose header was validated with all its frames, or with so many of them. Fails with `not-ready` where nothing
 * decodes videos; what does not decode is told by the frames.
 */
export async function playSequence(
  tools: VideoTools,
  sequence: ImageSequence,
  { width, height }: ImageInfo,
  mostFrames = sequence.frames,
): Promise<Played | Failure> {
  const decoder = await tools.decoder()
  if (decoder === undefined) return fail('not-ready', 'there is no decoder of videos')
  const count = Math.min(sequence.frames, mostFrames)
  const frames = decoder.playFrames(sequence, {
    count,
    size: { width, height },
    maxPixels: maxPixels(tools.limits),
  })
  return { frames, count, timing: sequence.timing(count) }
}
