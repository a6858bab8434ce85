/** `fps` of an animation: fewer frames with the same total duration. */

import { shownMilliseconds } from '../pixels/delays.ts'
import { framesOf, type Strip } from '../pixels/strip.ts'

/**
 * The time unit of GIF in milliseconds. A frame that starts early by this much because of rounding is on
 * time.
 */
const ROUNDED_MS = 10

export interface TimedFrame {
  /** The index of the frame in the animation. */
  readonly index: number
  readonly shownMs: number
}

interface Kept extends TimedFrame {
  /** The duration of the frame itself, before other frames are merged into it. */
  readonly ownMs: number
  shownMs: number
}

/**
 * Divides the duration into intervals of 1/`fps` seconds. Of the frames that start in the same interval it
 * keeps the one that is shown longest, or the first of equals. So at most `fps` frames per second remain,
 * each from its own start time on, and a frame that stays after a burst is not lost. The time of a dropped
 * frame is added to the frame before it. `shownMs` are the durations of all frames. Returns all frames when
 * `fps` is undefined.
 */
export function selectFrames(shownMs: readonly number[], fps: number | undefined): readonly TimedFrame[] {
  if (fps === undefined) return shownMs.map((own, index) => ({ index, shownMs: own }))
  const kept: Kept[] = []
  let at = 0
  let lastPart = -1
  for (const [index, ownMs] of shownMs.entries()) {
    const part = Math.floor(((at + ROUNDED_MS) * fps) / 1000)
    const last = kept.at(-1)
    if (last === undefined || part > lastPart) kept.push({ index, ownMs, shownMs: ownMs })
    else if (ownMs <= last.ownMs) last.shownMs += ownMs
    else {
      const before = kept.at(-2)
      if (before !== undefined) before.shownMs += last.shownMs
      kept[kept.length - 1] = { index, ownMs, shownMs: ownMs + (before === undefined ? last.shownMs : 0) }
    }
    lastPart = part
    at += ownMs
  }
  return kept
}

/** Returns an animation with at most `fps` frames per second, as `selectFrames` selects them. */
export function thinFrames(strip: Strip, fps: number | undefined): Strip {
  if (fps === undefined) return strip
  const frames = framesOf(strip)
  const kept = selectFrames(
    frames.map((_, index) => shownMilliseconds(strip.timing.delay?.[index])),
    fps,
  )
  if (kept.length === frames.length) return strip
  return {
    ...strip,
    data: Buffer.concat(kept.flatMap(({ index }) => frames[index] ?? [])),
    timing: { ...strip.timing, delay: kept.map(({ shownMs }) => shownMs) },
  }
}
