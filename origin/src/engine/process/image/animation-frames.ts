/** When the frames of an animation are shown. */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { readApng } from '../formats/png/apng.ts'
import { type ImageInfo, readHeader } from './inspect.ts'

/** What browsers show a frame for that asks for no more than 10 ms; one of 11 is shown for that. */
const DEFAULT_DELAY_MS = 100
const MOST_IGNORED_MS = 10

/** When each frame starts, in seconds, and when the last is over: one entry more than there are frames. */
export async function animationTimes(
  bytes: Uint8Array,
  { format, frames }: Pick<ImageInfo, 'format' | 'frames'>,
): Promise<readonly number[]> {
  const delays = format === 'png' ? apngDelays(bytes) : await sharpDelays(bytes)
  const times = [0]
  for (let frame = 0; frame < frames; frame += 1) {
    times.push((times.at(-1) ?? 0) + shownMilliseconds(delays[frame]) / 1000)
  }
  return times
}

/** How long browsers show a frame that asks for so many milliseconds. */
export function shownMilliseconds(delayMs: number | undefined): number {
  return delayMs === undefined || delayMs <= MOST_IGNORED_MS ? DEFAULT_DELAY_MS : delayMs
}

/** The frame that is shown at a moment. */
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
