/**
 * A video, opened: what it holds, judged by what is accepted, and its frames. Frames come from the few bytes
 * they are coded in where the container can be read here; else from a temporary file through FFmpeg.
 */

import type { MediaTime } from '@media-proxy/shared/request/media-request.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { VideoFormat } from '../../../media/kinds.ts'
import { judgeDeclaredSize, type SourceLimits } from '../../../media/limits.ts'
import type { Size } from '../image/plan.ts'
import type { MediaSource } from '../source.ts'
import { readAviFacts } from './avi.ts'
import { judgeCodecs } from './codecs.ts'
import type { ContainerFacts, VideoFacts } from './container.ts'
import type { Frame } from './decode.ts'
import type { Ffmpeg } from './ffmpeg.ts'
import { readFrames } from './frame-reader.ts'
import { openContainer } from './open-container.ts'

export interface VideoTools {
  /** Undefined where this system has none. */
  readonly ffmpeg: Ffmpeg | undefined
  readonly limits: SourceLimits
}

/** A video with at least one frame to show, as far as its container tells. */
export interface Video {
  readonly facts: ContainerFacts & { readonly video: VideoFacts }
  /**
   * The frame that is shown at a moment, or the first that decodes. `shownAt` is the size at which it will be
   * seen: a much larger frame comes smaller than it is. Fails with `undecodable`, `unsupported-codec`, or as
   * the bytes and FFmpeg do.
   */
  readFrame(atSeconds: number | undefined, shownAt?: Size): Promise<Frame | Failure>
  /** Several frames, each as `readFrame` gives it, for little more than the price of one. */
  readFrames(moments: readonly number[], shownAt?: Size): Promise<readonly (Frame | Failure)[]>
  close(): void
}

/**
 * Opens a video and judges it before anything is decoded. The caller closes it. Fails with `source-too-large`,
 * `undecodable`, `not-visual` (sound alone), `unsupported-codec` or `too-large-dimensions`.
 */
export async function openVideo(
  { ffmpeg, limits }: VideoTools,
  bytes: Pick<MediaSource, 'sizeBytes' | 'read'>,
  format: VideoFormat,
): Promise<Video | Failure> {
  if (bytes.sizeBytes > limits.sourceBytes) return fail('source-too-large', `${bytes.sizeBytes} bytes`)
  const container = format === 'avi' ? undefined : await openContainer(bytes, format)
  if (isFailure(container)) return container
  const facts = container === undefined ? readAviFacts(bytes) : container.facts
  const judged = isFailure(facts) ? facts : judge(facts, limits)
  if (isFailure(judged)) {
    container?.close()
    return judged
  }
  const { durationSeconds, video } = judged
  const source = { bytes, container, format, video, durationSeconds, ffmpeg, limits }
  return {
    facts: judged,
    async readFrame(moment, shownAt) {
      const [frame] = await readFrames(source, [moment], shownAt)
      return frame ?? fail('undecodable')
    },
    readFrames: (moments, shownAt) => readFrames(source, moments, shownAt),
    close: () => container?.close(),
  }
}

/** The moment a request asks for, in seconds; undefined for the first frame that decodes. */
export function momentOf(
  time: MediaTime | undefined,
  durationSeconds: number | undefined,
): number | undefined {
  if (time === undefined) return undefined
  return 'percent' in time ? ((durationSeconds ?? 0) * time.percent) / 100 : time.milliseconds / 1000
}

function judge(facts: ContainerFacts, limits: SourceLimits): Video['facts'] | Failure {
  const { video, audio } = facts
  if (video === undefined) return audio.length > 0 ? fail('not-visual') : fail('undecodable', 'no stream')
  const refused = judgeCodecs({ hasVideo: true, video: video.codec, audio })
  if (refused !== undefined) return refused
  for (const size of [video, { width: video.codedWidth, height: video.codedHeight }]) {
    if (!(size.width > 0 && size.height > 0)) return fail('undecodable', `${size.width}x${size.height}`)
    const declared = { ...size, bands: 4, bytesPerSample: 1, frames: 1, decodedFrames: 1 }
    const tooLarge = judgeDeclaredSize(declared, limits)
    if (tooLarge !== undefined) return tooLarge
  }
  return { ...facts, video }
}
