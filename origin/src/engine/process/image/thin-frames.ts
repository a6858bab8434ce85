/** `fps` of an animation: fewer frames with the same total duration. */

import { framesOf, type Strip } from '../pixels/strip.ts'
import { shownMilliseconds } from './animation-frames.ts'

/**
 * The time unit of GIF in milliseconds. A frame that starts early by this much because of rounding is on
 * time.
 */
const ROUNDED_MS = 10

interface Kept {
  readonly frame: Uint8Array
  /** The duration of the frame itself, before other frames are merged into it. */
  readonly ownMs: number
  shownMs: number
}

/**
 * Divides the duration into intervals of 1/`fps` seconds. Of the frames that start in the same interval it
 * keeps the one that is shown longest, or the first of equals. So at most `fps` frames per second remain,
 * each from its own start time on, and a frame that stays after a burst is not lost. The time of a dropped
 * frame is added to the frame before it.
 */
export function thinFrames(strip: Strip, fps: number | undefined): Strip {
  if (fps === undefined) return strip
  const frames = framesOf(strip)
  const kept: Kept[] = []
  let at = 0
  let lastPart = -1
  for (const [index, frame] of frames.entries()) {
    const ownMs = shownMilliseconds(strip.timing.delay?.[index])
    const part = Math.floor(((at + ROUNDED_MS) * fps) / 1000)
    const last = kept.at(-1)
    if (last === undefined || part > lastPart) kept.push({ frame, ownMs, shownMs: ownMs })
    else if (ownMs <= last.ownMs) last.shownMs += ownMs
    else {
      const before = kept.at(-2)
      if (before !== undefined) before.shownMs += last.shownMs
      kept[kept.length - 1] = { frame, ownMs, shownMs: ownMs + (before === undefined ? last.shownMs : 0) }
    }
    lastPart = part
    at += ownMs
  }
  if (kept.length === frames.length) return strip
  return {
    ...strip,
    data: Buffer.concat(kept.map(({ frame }) => frame)),
    timing: { ...strip.timing, delay: kept.map(({ shownMs }) => shownMs) },
  }
}
