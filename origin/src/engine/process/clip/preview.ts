/** An animated preview of a video: some of its frames, in an animated image format. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from 'node-av/lib'
import type { Size } from '../../../media/size.ts'
import type { VideoInfo } from '../container/container.ts'
import type { Plan } from '../image/plan.ts'
import type { Played } from '../image/played.ts'
import type { Libav } from '../libav/load.ts'
import type { OpenedStreams } from '../libav/open.ts'
import { createPainter, type Painter } from '../libav/painter.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { readVideo, type Span } from './read-video.ts'

export interface PreviewOptions {
  readonly video: VideoInfo
  /** The size of each frame. */
  readonly size: Size
  readonly span: Span
  /** Frames per second. */
  readonly frameRate: number
  /**
   * The time unit of the format, in milliseconds. Rounding each delay on its own would make the frames drift
   * later and later.
   */
  readonly timeUnitMs: number
  /** The largest frame that is decoded, in pixels. */
  readonly maxPixels: number
}

/** A preview with all its frames in memory. */
export interface Preview extends Played {
  readonly frames: readonly RawImage[]
}

/** Returns the smallest size that loses no detail for a plan. */
export function coveringSize(video: Size, plan: Plan): Size {
  const scale = Math.min(1, Math.max(plan.width / video.width, plan.height / video.height))
  return plan.mode === 'exact'
    ? { width: plan.width, height: plan.height }
    : {
        width: Math.max(1, Math.round(video.width * scale)),
        height: Math.max(1, Math.round(video.height * scale)),
      }
}

/** Returns the number of frames of a preview. */
export function previewFrameCount({ startSeconds, endSeconds }: Span, frameRate: number): number {
  return Math.max(1, Math.ceil((endSeconds - startSeconds) * frameRate - ROUNDING))
}

const ROUNDING = 1e-6

/**
 * Returns the frames shown at evenly spaced moments of the span. A frame that is shown at several moments is
 * returned once, with a longer delay. Fails as reading the video fails.
 */
export function playPreview(libav: Libav, input: OpenedStreams, options: PreviewOptions): Preview | Failure {
  const { video, size, span, frameRate, timeUnitMs, maxPixels } = options
  using sampler = createSampler(createPainter(libav, { video, size }), span, frameRate)
  const failed = readVideo(
    libav,
    input,
    { video, maxPixels, audio: undefined, span },
    {
      onFrame: sampler.handleFrame,
      onAudio: () => false,
    },
  )
  const taken = isFailure(failed) ? failed : sampler.finish()
  if (isFailure(taken)) return taken
  const frames: RawImage[] = []
  const ends: number[] = []
  for (const [index, frame] of taken.entries()) {
    if (frame !== frames.at(-1)) frames.push(frame)
    // At a low frame rate, one frame would be shown longer than the whole span.
    const endMs = Math.min((index + 1) / frameRate, span.endSeconds - span.startSeconds) * 1000
    ends[frames.length - 1] = Math.round(endMs / timeUnitMs) * timeUnitMs
  }
  const delay = ends.map((end, index) => end - (ends[index - 1] ?? 0))
  return { frames, count: frames.length, timing: { loop: 0, delay } }
}

interface Sampler extends Disposable {
  /** Takes the next frame of the video. Returns false once every moment has a frame. */
  readonly handleFrame: (frame: Frame, seconds: number) => boolean
  /** Returns the frame of each moment, at least one. Fails when there was none, or one could not be converted. */
  finish(): readonly RawImage[] | Failure
}

function createSampler(painter: Painter, span: Span, frameRate: number): Sampler {
  const frameCount = previewFrameCount(span, frameRate)
  const taken: RawImage[] = []
  let failure: Failure | undefined
  let shown: Frame | undefined

  /** Uses the current frame for every moment before a time. */
  function takeUntil(seconds: number): void {
    if (shown === undefined) return
    let painted: RawImage | Failure | undefined
    while (taken.length < frameCount && timestampOf(taken.length) + ROUNDING < seconds) {
      painted ??= painter.paint(shown)
      if (isFailure(painted)) {
        failure ??= painted
        return
      }
      taken.push(painted)
    }
  }

  const timestampOf = (index: number) => span.startSeconds + index / frameRate

  return {
    handleFrame(frame, seconds) {
      takeUntil(seconds)
      shown?.free()
      shown = frame.clone() ?? undefined
      return failure === undefined && taken.length < frameCount
    },
    finish() {
      takeUntil(span.endSeconds)
      // A preview that starts at the end of the video still has one frame.
      if (taken.length === 0) takeUntil(Number.POSITIVE_INFINITY)
      return failure ?? (taken.length === 0 ? fail('undecodable', 'no frame could be decoded') : taken)
    },
    [Symbol.dispose]() {
      shown?.free()
      painter[Symbol.dispose]()
    },
  }
}
