import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from '../container/video-decoder.ts'
import type { RawPicture } from '../image/raw-picture.ts'
import { evenMoments } from '../moments/moments.ts'
import { coarseFirst, scanCount } from '../moments/scan-choice.ts'
import { choosePoster, POSTER_CANDIDATES, posterMoments, sampleSize } from './poster.ts'
import type { Video } from './video.ts'

/** Frames that a scan reads beside the first one, where it looks at `most` evenly spaced ones. */
export const scanSamples = (most: number) => POSTER_CANDIDATES + most

export interface ScanFramesOptions {
  /** Most evenly spaced frames. */
  readonly most: number
  /** It has a poster: images that move have none. */
  readonly poster: boolean
}

/**
 * What the model is to see of a video, what matters most first: the frame that is shown first, the poster, and evenly
 * spaced frames. One that does not decode is left out; fails for a reason that is not the video's.
 */
export async function readScanFrames(
  video: Video,
  first: Frame,
  { most, poster }: ScanFramesOptions,
): Promise<readonly RawPicture[] | Failure> {
  const seconds = video.info.durationSeconds ?? 0
  const { moments, toleranceSeconds } = posterMoments(seconds)
  const candidates = poster ? moments : []
  const even = evenMoments(seconds, scanCount(seconds, most))
  const size = sampleSize(video.info.video)
  const read = await video.readFrames([...candidates, ...even], size, toleranceSeconds)
  const grave = read.filter(isFailure).find(({ code }) => code !== 'undecodable')
  if (grave !== undefined) return grave
  const best = await choosePoster(decoded(read.slice(0, candidates.length)))
  const shownFirst = best === undefined ? [first] : [first, best]
  return different([...shownFirst, ...coarseFirst(decoded(read.slice(candidates.length)))])
}

function decoded(read: readonly (Frame | Failure)[]): readonly Frame[] {
  return read.filter((frame): frame is Frame => !isFailure(frame))
}

/** The frames, each once. */
function different(frames: readonly Frame[]): readonly Frame[] {
  const times = frames.map(({ timestampSeconds }) => timestampSeconds)
  return frames.filter(({ timestampSeconds }, index) => times.indexOf(timestampSeconds) === index)
}
