import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from '../container/video-decoder.ts'
import { evenMoments } from '../moments/moments.ts'
import { coarseFirst, scanCount } from '../moments/scan-choice.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { choosePoster, POSTER_CANDIDATES, posterMoments, sampleSize } from './poster.ts'
import { PAST_THE_END_SECONDS, type Video } from './video.ts'

/** Frames that a scan reads beside the first one, where it looks at `most` evenly spaced ones. */
export const scanSamples = (most: number) => POSTER_CANDIDATES + most + 1

export interface ScanFramesOptions {
  /** Most evenly spaced frames. */
  readonly most: number
  /** It has a poster: images that move have none. */
  readonly poster: boolean
}

/** A film that goes on for longer than this behind the end that its container tells hides something there. */
const HIDDEN_SECONDS = 1
/** One whose last frame comes before so much of the time that its container tells would hide most of what plays. */
const LEAST_PLAYED = 0.8

/**
 * What the model is to see of a video, what matters most first: the frame that is shown first, the poster, the last frame,
 * which stays when it is over, and evenly spaced frames, of all that plays. One that does not decode is left out; fails for a
 * reason that is not the video's.
 */
export async function readScanFrames(
  video: Video,
  first: Frame,
  options: ScanFramesOptions,
): Promise<readonly RawPicture[] | Failure> {
  const seconds = video.info.durationSeconds ?? 0
  const seen = await readEvenly(video, seconds, options)
  if (isFailure(seen)) return seen
  const lastSeconds = seen.last?.timestampSeconds ?? 0
  const hidden = lastSeconds > seconds + HIDDEN_SECONDS || lastSeconds < LEAST_PLAYED * seconds
  const more = hidden ? await readEvenly(video, lastSeconds, options) : seen
  if (isFailure(more)) return more
  const best = await choosePoster(seen.candidates)
  const shown = [first, best, seen.last].filter((frame) => frame !== undefined)
  return different([...shown, ...coarseFirst(more.even)])
}

interface EvenFrames {
  /** Of which the best is the poster. */
  readonly candidates: readonly Frame[]
  readonly even: readonly Frame[]
  /** The last one that there is. */
  readonly last: Frame | undefined
}

async function readEvenly(
  video: Video,
  seconds: number,
  { most, poster }: ScanFramesOptions,
): Promise<EvenFrames | Failure> {
  const { moments, toleranceSeconds } = posterMoments(seconds)
  const candidates = poster ? moments : []
  const even = evenMoments(seconds, scanCount(seconds, most))
  const read = await video.readFrames(
    [...candidates, ...even, PAST_THE_END_SECONDS],
    sampleSize(video.info.video),
    toleranceSeconds,
  )
  const grave = read.filter(isFailure).find(({ code }) => code !== 'undecodable')
  if (grave !== undefined) return grave
  return {
    candidates: decoded(read.slice(0, candidates.length)),
    even: decoded(read.slice(candidates.length, -1)),
    last: decoded(read.slice(-1))[0],
  }
}

function decoded(read: readonly (Frame | Failure)[]): readonly Frame[] {
  return read.filter((frame): frame is Frame => !isFailure(frame))
}

/** The frames, each once. */
function different(frames: readonly Frame[]): readonly Frame[] {
  const times = frames.map(({ timestampSeconds }) => timestampSeconds)
  return frames.filter(({ timestampSeconds }, index) => times.indexOf(timestampSeconds) === index)
}

/** Films of several cameras have no more tracks of pictures beside the one that is shown. */
export const MOST_OTHER_TRACKS = 15
/** Evenly spaced frames of each of them that are looked at, beside its first and its last one. */
const OTHER_FRAMES = 5

export const OTHER_SAMPLES = OTHER_FRAMES + 2

/**
 * What the model is to see of the tracks of pictures beside the one that is shown: which one plays is for a player to choose.
 * One that does not decode is left out. Fails with `undecodable` where there are too many, or for a reason that is not the
 * film's.
 */
export async function readOtherTracks(
  { info: { others } }: Video,
  openOther: (index: number) => Promise<Video | Failure>,
): Promise<readonly RawPicture[] | Failure> {
  if (others.length > MOST_OTHER_TRACKS) return fail('undecodable', `${others.length + 1} tracks of pictures`)
  const frames: RawPicture[] = []
  for (const index of others.keys()) {
    const track = await openOther(index)
    if (isFailure(track)) {
      if (track.code === 'undecodable' || track.code === 'unsupported-codec') continue
      return track
    }
    try {
      const first = await track.readFrame(undefined, sampleSize(track.info.video))
      const read = isFailure(first)
        ? first
        : await readScanFrames(track, first, { most: OTHER_FRAMES, poster: false })
      if (!isFailure(read)) frames.push(...read)
      else if (read.code !== 'undecodable') return read
    } finally {
      await track.close()
    }
  }
  return frames
}

/** A frame, and as it is where a player knows no alpha: many play the colours of a transparent film alone. */
export function withHiddenColours(frame: RawPicture): readonly RawPicture[] {
  const { data, width, height, channels } = frame
  if (channels === 3) return [frame]
  const colours = Buffer.alloc(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel += 1)
    for (let channel = 0; channel < 3; channel += 1)
      colours[3 * pixel + channel] = data[channels * pixel + channel] ?? 0
  return [frame, { data: colours, width, height, channels: 3 }]
}
