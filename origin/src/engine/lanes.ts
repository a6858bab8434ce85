/** Which lane a job takes: small pictures never wait for large ones, and neither for videos. */

import { createLane, type Lane } from '../concurrency/lane.ts'
import type { Cost } from './jobs.ts'

export interface EngineLanes {
  readonly small: Lane
  /** Bounded in predicted bytes too. */
  readonly large: Lane
  /** Videos wait for the store, and a frame in memory is megabytes. */
  readonly videos: Lane
  /** The share of both of what is read from far servers by parts: slow ones keep no stored media waiting. */
  readonly external: Lane
  /** Clips take their time, and keep nothing else waiting. */
  readonly clips: Lane
}

export interface EngineLanesOptions {
  /** Pictures of one lane that are rendered at the same time. */
  readonly pictures: number
  readonly videos: number
  readonly clips: number
  readonly queue: number
  /** Bound on the predicted bytes of large jobs under way. */
  readonly memoryBytes: number
  /** Puts whoever watches at the door of a lane. */
  readonly watched: (name: string, lane: Lane) => Lane
}

/**
 * What a job may cost that is admitted before its header is read: a photograph of twelve megapixels to WebP of 550
 * pixels is predicted to take 29 MiB and 0.3 s, a screenshot of 4K 64 MiB and 0.3 s. (HEIC of that size is not small:
 * 270 MiB and 3 s.)
 */
export const SMALL_JOB: Cost = { memoryBytes: 64 * 1024 * 1024, cpuSeconds: 0.5 }

/** What a video may cost that is admitted before its index is read: a frame of 1080p, and the frames that are scanned. */
export const VIDEO_JOB: Cost = { memoryBytes: 192 * 1024 * 1024, cpuSeconds: 25 }

/** Clips that wait for each that is made: one more would not be made before its deadline. */
const CLIP_QUEUE = 8

export function createEngineLanes(options: EngineLanesOptions): EngineLanes {
  const { pictures, videos, clips, queue, memoryBytes, watched } = options
  return {
    small: watched('small', createLane({ concurrency: pictures, queue })),
    large: watched('large', createLane({ concurrency: pictures, queue, capacityBytes: memoryBytes })),
    videos: watched('videos', createLane({ concurrency: videos, queue })),
    external: watched('external', createLane({ concurrency: Math.max(1, Math.floor(videos / 2)), queue })),
    clips: watched('clips', createLane({ concurrency: clips, queue: CLIP_QUEUE * clips })),
  }
}
