import { type Failure, failOpenly, isFailure } from '@media-proxy/shared/response/failure.ts'
import { readSequence } from './formats/heif/sequence.ts'
import type { ImageInfo } from './image/inspect.ts'
import { animationStrip, playedStrip } from './image/render-animation.ts'
import type { Render } from './image/render-stages.ts'
import type { Strip } from './pixels/strip.ts'
import { playSequence } from './video/play-sequence.ts'
import type { VideoTools } from './video/video.ts'

/** Decodes the frames of an animation to pixels, for an encoder outside Sharp. Fails with `undecodable`. */
export async function decodeStrip(
  bytes: Uint8Array,
  info: ImageInfo,
  render: Render,
  tools: VideoTools,
): Promise<Strip | Failure> {
  if (info.format !== 'avif') return animationStrip(bytes, info, render)
  const sequence = readSequence(bytes)
  if (sequence === undefined) return failOpenly('not-visual', 'the image is not animated')
  const played = await playSequence(tools, sequence, info)
  return isFailure(played) ? played : playedStrip(played, info, render)
}
