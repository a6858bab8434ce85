import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../image/plan.ts'
import type { Frame } from './decode.ts'
import { threeMoments } from './moments.ts'
import type { Video } from './video.ts'

/**
 * Three frames of an opened video, near its start, middle and end, in order of time and each with its own
 * timestamp, one after the other so that only one is in memory. `use` may run on each. A frame that does not
 * decode is left out; fails where none does, or for a reason that is not the video's.
 */
export async function readThreeFrames<T>(
  video: Video,
  use: (frame: Frame) => Promise<T | Failure>,
  shownAt?: Size,
): Promise<readonly T[] | Failure> {
  const used: T[] = []
  let failure: Failure | undefined
  for (const moment of threeMoments(video.facts.durationSeconds ?? 0)) {
    const frame = await video.readFrame(moment, shownAt)
    const result = isFailure(frame) ? frame : await use(frame)
    if (!isFailure(result)) used.push(result)
    else if (result.failure === 'undecodable') failure = result
    else return result
  }
  return used.length === 0 && failure !== undefined ? failure : used
}
