import { type Failure, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import { isHeif } from '../../../media/kinds.ts'
import { readSequence } from '../formats/heif/sequence.ts'
import { animationDelays } from '../image/animation-frames.ts'
import type { ImageFile } from '../image/image-file.ts'
import type { ImageInfo } from '../image/inspect.ts'
import type { Render } from '../image/render.ts'
import { animationStrip, type FrameRange, playedStrip } from '../image/render-animation.ts'
import { shownMilliseconds } from '../pixels/delays.ts'
import type { Strip } from '../pixels/strip.ts'
import { playSequence } from '../video/play-sequence.ts'
import type { VideoTools } from '../video/video.ts'

/**
 * Decodes frames of an animation to pixels, for an encoder outside Sharp. Frames from the first broken one on
 * are missing. Fails with `undecodable`.
 */
export async function decodeStrip(
  { bytes, info }: ImageFile,
  render: Render,
  tools: VideoTools,
  range: FrameRange = { from: 0, to: info.frames },
): Promise<Strip | Failure> {
  if (!isHeif(info.format)) return animationStrip(bytes, info, render, range)
  const sequence = readSequence(bytes)
  if (sequence === undefined) return failWithHint('not-visual', 'the image is not animated')
  const played = await playSequence(tools, sequence, info, range.to)
  return isFailure(played) ? played : playedStrip(played, info, render, range.from)
}

/** Returns for how long browsers show each frame, in milliseconds. */
export async function frameDurations(
  bytes: Uint8Array,
  { format, frames }: ImageInfo,
): Promise<readonly number[]> {
  const delays = isHeif(format)
    ? (readSequence(bytes)?.timing(frames).delay ?? [])
    : await animationDelays(bytes, format)
  return Array.from({ length: frames }, (_, index) => shownMilliseconds(delays[index]))
}
