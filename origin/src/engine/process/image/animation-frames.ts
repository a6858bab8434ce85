/** The display times of the frames of an animation. */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { readApng } from '../formats/png/apng.ts'
import { shownMilliseconds } from '../pixels/delays.ts'
import { type ImageInfo, readHeader } from './inspect.ts'

/**
 * Returns the start time of each frame and the end time of the last one, in seconds: one entry more than
 * there are frames.
 */
export async function animationTimes(
  bytes: Uint8Array,
  { format, frames }: Pick<ImageInfo, 'format' | 'frames'>,
): Promise<readonly number[]> {
  const delays = await animationDelays(bytes, format)
  const times = [0]
  for (let frame = 0; frame < frames; frame += 1) {
    times.push((times.at(-1) ?? 0) + shownMilliseconds(delays[frame]) / 1000)
  }
  return times
}

/**
 * Returns the declared delay of each frame of a GIF, WebP or animated PNG, in milliseconds. Empty when none
 * is declared.
 */
export async function animationDelays(
  bytes: Uint8Array,
  format: ImageInfo['format'],
): Promise<readonly number[]> {
  return format === 'png' ? apngDelays(bytes) : await sharpDelays(bytes)
}

/** Returns the index of the frame that is shown at a time. */
export function frameAt(times: readonly number[], atSeconds: number): number {
  return Math.max(
    0,
    times.slice(0, -1).findLastIndex((start) => start <= atSeconds),
  )
}

async function sharpDelays(bytes: Uint8Array): Promise<readonly number[]> {
  const header = await readHeader(bytes)
  return isFailure(header) ? [] : (header.delay ?? [])
}

function apngDelays(bytes: Uint8Array): readonly number[] {
  const apng = readApng(bytes)
  return isFailure(apng) ? [] : apng.frames.map(({ delayMs }) => delayMs)
}
