/**
 * The lanes of jobs. Quick jobs on images do not wait for heavy ones, and neither wait for those on videos.
 */

import { createLane, type Lane } from '../concurrency/lane.ts'
import type { Cost } from './jobs.ts'

export interface EngineLanes {
  /** Images whose job costs at most `QUICK_JOB`. */
  readonly quick: Lane
  /** All other images. Also bounded in predicted bytes. */
  readonly heavy: Lane
  /** A lane for videos, because their jobs wait for the store, and each frame takes megabytes of memory. */
  readonly videos: Lane
  /**
   * The share of `heavy` and `videos` for sources that are read from remote servers by ranges. Slow servers
   * then do not delay stored media.
   */
  readonly external: Lane
  /** A lane for clips, which take long, so that nothing else waits for them. */
  readonly clips: Lane
}

export interface EngineLanesOptions {
  /** The largest number of images that are rendered at the same time in one lane. */
  readonly images: number
  readonly videos: number
  readonly clips: number
  readonly queue: number
  /** The largest sum of the predicted bytes of running heavy jobs. */
  readonly memoryBytes: number
  /** Wraps a lane to record its metrics. */
  readonly watched: (name: string, lane: Lane) => Lane
}

/**
 * The largest cost of a job that is admitted before its header is read. A photograph of twelve megapixels to
 * a WebP of 550 pixels is predicted to take 29 MiB and 0.3 s, a 4K screenshot 64 MiB and 0.3 s. (HEIC of that
 * size is not a quick job: 270 MiB and 3 s.)
 */
export const QUICK_JOB: Cost = { memoryBytes: 64 * 1024 * 1024, cpuSeconds: 0.5 }

/**
 * The largest cost of a video job that is admitted before its index is read: a frame of 1080p, and the frames
 * of a scan.
 */
export const VIDEO_JOB: Cost = { memoryBytes: 192 * 1024 * 1024, cpuSeconds: 25 }

/** The number of clips that wait per running clip. One more would not be finished before its deadline. */
const CLIP_QUEUE = 8

export function createEngineLanes(options: EngineLanesOptions): EngineLanes {
  const { images, videos, clips, queue, memoryBytes, watched } = options
  return {
    quick: watched('quick', createLane({ concurrency: images, queue })),
    heavy: watched('heavy', createLane({ concurrency: images, queue, capacityBytes: memoryBytes })),
    videos: watched('videos', createLane({ concurrency: videos, queue })),
    external: watched('external', createLane({ concurrency: Math.max(1, Math.floor(videos / 2)), queue })),
    clips: watched('clips', createLane({ concurrency: clips, queue: CLIP_QUEUE * clips })),
  }
}
