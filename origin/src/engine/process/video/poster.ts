/** Chooses the frame that represents a video whose first frame shows little (`time=best`). */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../media/size.ts'
import { MODEL_SIDE_PIXELS } from '../../scan-model.ts'
import type { Frame } from '../container/video-decoder.ts'
import { sizeWithin } from '../image/plan.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp, UNLIMITED_PIXELS } from '../pixels/sharp.ts'
import { evenTimestamps } from '../timestamps/timestamps.ts'
import type { Video } from './video.ts'

/** The number of frames that the poster is chosen from. */
export const POSTER_CANDIDATES = 8
/**
 * The longer side at which candidates are compared, in pixels. A frame that is sharp at this size is sharp in
 * a preview.
 */
const SIDE_PIXELS = MODEL_SIDE_PIXELS

/**
 * Returns the moments of the candidates for the poster, and how much earlier than its moment each may be, in
 * seconds.
 */
export function posterTimestamps(durationSeconds: number | undefined): {
  readonly timestamps: readonly number[]
  readonly toleranceSeconds: number
} {
  const seconds = durationSeconds ?? 0
  return {
    timestamps: evenTimestamps(seconds, POSTER_CANDIDATES),
    toleranceSeconds: seconds / POSTER_CANDIDATES / 2,
  }
}

/**
 * Returns the best of eight evenly spaced frames: the sharpest that is neither black nor blank, or else the
 * sharpest that is not black. The frame is small, so callers that show it read it again by its timestamp.
 * Fails as `Video.readFrame` does when none of them can be decoded.
 */
export async function readPoster(video: Video): Promise<Frame | Failure> {
  const { timestamps, toleranceSeconds } = posterTimestamps(video.info.durationSeconds)
  const size = sampleSize(video.info.video)
  const read = await video.readFrames(timestamps, size, toleranceSeconds)
  const frames = read.filter((frame): frame is Frame => !isFailure(frame))
  return (await choosePoster(frames)) ?? video.readFrame(undefined, size)
}

/** Returns the size at which candidates are decoded. */
export function sampleSize(video: Size): Size {
  return sizeWithin(video, SIDE_PIXELS)
}

/** Returns the best candidate, or the earlier of two equals. Undefined when there are none. */
export async function choosePoster<T extends RawImage>(candidates: readonly T[]): Promise<T | undefined> {
  let best: T | undefined
  let bestStatistics: LumaStatistics = { frameClass: 'none', sharpness: -1 }
  for (const candidate of candidates) {
    const statistics = lumaStatistics(await lumaOf(candidate))
    const more =
      FRAME_CLASSES.indexOf(statistics.frameClass) - FRAME_CLASSES.indexOf(bestStatistics.frameClass)
    if (more < 0 || (more === 0 && statistics.sharpness <= bestStatistics.sharpness)) continue
    best = candidate
    bestStatistics = statistics
  }
  return best
}

interface Luma extends Size {
  readonly data: Uint8Array
}

async function lumaOf({ data, width, height, channels }: RawImage): Promise<Luma> {
  const decoded = await sharp(data, { ...UNLIMITED_PIXELS, raw: { width, height, channels } })
    .flatten({ background: '#ffffff' })
    .greyscale()
    .resize(SIDE_PIXELS, SIDE_PIXELS, { fit: 'inside', withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { data: decoded.data, width: decoded.info.width, height: decoded.info.height }
}

/** Luma below this, of 255, looks black. */
const BLACK = 32
/** A frame is black when less than this share of it is brighter. */
const MIN_BRIGHT_SHARE = 0.02
/**
 * A frame is blank when the standard deviation of its luma is smaller, of 255. Noise and coding alone reach
 * 2.
 */
const MIN_DEVIATION = 6

/**
 * Ranks of frames, the worst first. A black frame with camera noise is sharper than a blank page but shows
 * less.
 */
const FRAME_CLASSES = ['none', 'black', 'blank', 'image'] as const

interface LumaStatistics {
  readonly frameClass: (typeof FRAME_CLASSES)[number]
  /** The mean of the squared Laplacian. */
  readonly sharpness: number
}

function lumaStatistics({ data, width, height }: Luma): LumaStatistics {
  let [sum, squares, bright] = [0, 0, 0]
  for (const value of data) {
    sum += value
    squares += value * value
    if (value > BLACK) bright += 1
  }
  const mean = sum / data.length
  const deviation = Math.sqrt(Math.max(0, squares / data.length - mean * mean))
  let energy = 0
  for (let y = 1; y < height - 1; y += 1) {
    for (let at = y * width + 1; at < (y + 1) * width - 1; at += 1) {
      const around =
        sampled(data, at - 1) + sampled(data, at + 1) + sampled(data, at - width) + sampled(data, at + width)
      energy += (4 * sampled(data, at) - around) ** 2
    }
  }
  const isBlack = bright / data.length < MIN_BRIGHT_SHARE
  return {
    frameClass: isBlack ? 'black' : deviation < MIN_DEVIATION ? 'blank' : 'image',
    sharpness: energy / data.length,
  }
}

function sampled(data: Uint8Array, at: number): number {
  return data[at] ?? 0
}
