import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Frame } from '../container/video-decoder.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { coarseFirst, scanCount } from '../timestamps/scan-choice.ts'
import { evenTimestamps } from '../timestamps/timestamps.ts'
import { choosePoster, POSTER_CANDIDATES, posterTimestamps, sampleSize } from './poster.ts'
import { PAST_THE_END_SECONDS, type Video } from './video.ts'

/**
 * Returns how many frames a scan reads in addition to the first one when it looks at `maxFrames` evenly spaced
 * frames.
 */
export const scanSamples = (maxFrames: number) => POSTER_CANDIDATES + maxFrames + 1

export interface ScanFramesOptions {
  /** The largest number of evenly spaced frames. */
  readonly maxFrames: number
  /** Whether it has a poster; animated images have none. */
  readonly poster: boolean
}

/**
 * A video that continues longer than this after the end that its container declares may hide something there.
 */
const HIDDEN_SECONDS = 1
/**
 * A video whose last frame comes before this share of the declared duration would hide most of what plays.
 */
const MIN_PLAYED_SHARE = 0.8

/**
 * Returns the frames of a video that the model is to see, the most important first: the first frame, the
 * poster, the last frame (which stays visible at the end), and evenly spaced frames of everything that plays.
 * Frames that cannot be decoded are left out. Fails for a reason other than the video itself.
 */
export async function readScanFrames(
  video: Video,
  first: Frame,
  options: ScanFramesOptions,
): Promise<readonly RawImage[] | Failure> {
  const seconds = video.info.durationSeconds ?? 0
  const seen = await readEvenly(video, seconds, options)
  if (isFailure(seen)) return seen
  const lastSeconds = seen.last?.timestampSeconds ?? 0
  const hidden = lastSeconds > seconds + HIDDEN_SECONDS || lastSeconds < MIN_PLAYED_SHARE * seconds
  const more = hidden ? await readEvenly(video, lastSeconds, options) : seen
  if (isFailure(more)) return more
  const best = await choosePoster(seen.candidates)
  const shown = [first, best, seen.last].filter((frame) => frame !== undefined)
  return different([...shown, ...coarseFirst(more.even)])
}

interface EvenFrames {
  /** The candidates for the poster. */
  readonly candidates: readonly Frame[]
  readonly even: readonly Frame[]
  /** The last frame of the video. */
  readonly last: Frame | undefined
}

async function readEvenly(
  video: Video,
  seconds: number,
  { maxFrames, poster }: ScanFramesOptions,
): Promise<EvenFrames | Failure> {
  const { timestamps, toleranceSeconds } = posterTimestamps(seconds)
  const candidates = poster ? timestamps : []
  const even = evenTimestamps(seconds, scanCount(seconds, maxFrames))
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

/** Returns the frames without duplicates. */
function different(frames: readonly Frame[]): readonly Frame[] {
  const times = frames.map(({ timestampSeconds }) => timestampSeconds)
  return frames.filter(({ timestampSeconds }, index) => times.indexOf(timestampSeconds) === index)
}

/** The largest number of video tracks other than the shown one. Videos of several cameras have no more. */
const MAX_OTHER_TRACKS = 15
/**
 * The number of evenly spaced frames of each of them that are scanned, in addition to the first and the last
 * one.
 */
const OTHER_FRAMES = 5

export const OTHER_SAMPLES = OTHER_FRAMES + 2

/**
 * Returns the frames of the other video tracks that the model is to see, because a player may choose any of
 * them. Tracks that cannot be decoded are left out. Fails with `undecodable` when there are too many tracks,
 * or for a reason other than the video itself.
 */
export async function readOtherTracks(
  { info: { others } }: Video,
  openOther: (index: number) => Promise<Video | Failure>,
): Promise<readonly RawImage[] | Failure> {
  if (others.length > MAX_OTHER_TRACKS) return fail('undecodable', `${others.length + 1} video tracks`)
  const frames: RawImage[] = []
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
        : await readScanFrames(track, first, { maxFrames: OTHER_FRAMES, poster: false })
      if (!isFailure(read)) frames.push(...read)
      else if (read.code !== 'undecodable') return read
    } finally {
      await track.close()
    }
  }
  return frames
}

/**
 * Returns a frame, followed by its colours without alpha if it has any: many players ignore the alpha of a
 * video.
 */
export function withOpaqueCopy(frame: RawImage): readonly RawImage[] {
  const { data, width, height, channels } = frame
  if (channels === 3) return [frame]
  const colours = Buffer.alloc(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel += 1)
    for (let channel = 0; channel < 3; channel += 1)
      colours[3 * pixel + channel] = data[channels * pixel + channel] ?? 0
  return [frame, { data: colours, width, height, channels: 3 }]
}
