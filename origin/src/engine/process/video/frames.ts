import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from '../container/video-decoder.ts'
import type { Size } from '../image/plan.ts'
import { threeMoments } from './moments.ts'
import type { Video } from './video.ts'

/**
 * Three frames of an opened video, near its start, middle and end, in order of time and each with its own
 * timestamp. A frame that does not decode is left out; fails where none does, or for a reason that is not the
 * video's.
 */
export async function readThreeFrames(video: Video, shownAt?: Size): Promise<readonly Frame[] | Failure> {
  const moments = threeMoments(video.info.durationSeconds ?? 0)
  const read = await video.readFrames(moments, shownAt)
  const failures = read.filter(isFailure)
  const grave = failures.find(({ code }) => code !== 'undecodable')
  if (grave !== undefined) return grave
  const frames = read.filter((frame): frame is Frame => !isFailure(frame))
  return frames.length === 0 && failures[0] !== undefined ? failures[0] : frames
}
