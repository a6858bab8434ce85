import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { UNLIMITED_PIXELS } from './inspect.ts'
import { sharp } from './sharp.ts'

export interface TimedFrame {
  readonly jpeg: Uint8Array
  readonly timestampSeconds: number
}

const WHITE = { r: 255, g: 255, b: 255 }
/** What browsers show a frame for that asks for less than 20 ms. */
const DEFAULT_DELAY_MS = 100
const MIN_DELAY_MS = 20

/** When each frame of an animation starts, in seconds, and when it is over. */
export async function animationTimes(bytes: Uint8Array): Promise<readonly number[]> {
  const { delay = [] } = await sharp(bytes, UNLIMITED_PIXELS).metadata()
  const times = [0]
  for (const milliseconds of delay) {
    times.push((times.at(-1) ?? 0) + (milliseconds < MIN_DELAY_MS ? DEFAULT_DELAY_MS : milliseconds) / 1000)
  }
  return times
}

/** The frame of an animation that is shown at a moment, as JPEG. Fails with `undecodable`. */
export async function animationFrameAt(
  bytes: Uint8Array,
  times: readonly number[],
  atSeconds: number,
  quality: number,
): Promise<TimedFrame | Failure> {
  const starts = times.slice(0, -1)
  const page = Math.max(
    0,
    starts.findLastIndex((start) => start <= atSeconds),
  )
  try {
    const jpeg = await sharp(bytes, { ...UNLIMITED_PIXELS, failOn: 'error', page, pages: 1 })
      .flatten({ background: WHITE })
      .jpeg({ quality })
      .toBuffer()
    return { jpeg, timestampSeconds: starts[page] ?? 0 }
  } catch (error) {
    return fail('undecodable', error instanceof Error ? error.message.slice(0, 200) : String(error))
  }
}
