import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import type { Frame } from '../container/video-decoder.ts'
import { threeTimestamps } from '../timestamps/timestamps.ts'
import type { Video } from './video.ts'

/**
 * Returns three different frames of an opened video, near its start, middle and end, in order of time and
 * each with its own timestamp. There are fewer when the video has no more. Frames that cannot be decoded are
 * left out. Fails when none can be decoded, or for a reason other than the video itself.
 */
export async function readThreeFrames(video: Video, shownAt?: Size): Promise<readonly Frame[] | Failure> {
  const seconds = video.info.durationSeconds ?? 0
  const read = await video.readFrames(threeTimestamps(seconds), shownAt)
  const failures = read.filter(isFailure)
  const grave = failures.find(({ code }) => code !== 'undecodable')
  if (grave !== undefined) return grave
  const frames = different(read)
  if (frames.length === 0) return failures[0] ?? []
  if (frames.length === 3) return frames
  // Each frame is shown for long, so the other frames are searched before, between and after.
  const more = await video.readFrames([0, seconds / 4, (3 * seconds) / 4, seconds], shownAt)
  return different([...frames, ...more])
    .slice(0, 3)
    .toSorted(byTime)
}

/** Returns the decoded frames without duplicates, in their order. */
function different(read: readonly (Frame | Failure)[]): readonly Frame[] {
  const frames = read.filter((frame): frame is Frame => !isFailure(frame))
  return frames.filter(
    ({ timestampSeconds }, index) =>
      frames.findIndex((other) => other.timestampSeconds === timestampSeconds) === index,
  )
}

function byTime(a: Frame, b: Frame): number {
  return a.timestampSeconds - b.timestampSeconds
}
