import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ImageSequence } from '../formats/heif/sequence.ts'
import type { ImageInfo } from '../image/inspect.ts'
import type { Played } from '../image/played.ts'
import { divideByAlpha } from '../pixels/divide-by-alpha.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { maxPixels } from './frame-size.ts'
import type { VideoTools } from './video.ts'

/**
 * Plays an image sequence whose header was validated with all its frames, or with `maxFrames` of them. Fails
 * with `not-ready` when there is no video decoder. Decoding errors are reported by the frames.
 */
export async function playSequence(
  tools: VideoTools,
  sequence: ImageSequence,
  { width, height }: ImageInfo,
  maxFrames = sequence.frames,
): Promise<Played | Failure> {
  const decoder = await tools.decoder()
  if (decoder === undefined) return fail('not-ready', 'there is no video decoder')
  const count = Math.min(sequence.frames, maxFrames)
  const frames = decoder.playFrames(sequence, {
    count,
    size: { width, height },
    maxPixels: maxPixels(tools.limits),
  })
  return {
    frames: sequence.isPremultiplied ? straight(frames) : frames,
    count,
    timing: sequence.timing(count),
  }
}

/** Converts frames with premultiplied alpha to straight alpha. */
async function* straight(frames: Played['frames']): AsyncGenerator<RawImage | Failure, void, void> {
  for await (const frame of frames) {
    if (!isFailure(frame) && frame.channels === 4) divideByAlpha(frame.data, 1)
    yield frame
  }
}
