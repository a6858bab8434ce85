/** `fps` of an animation: fewer frames, which last as long as all of them did. */

import { framesOf, type Strip } from '../pixels/strip.ts'
import { shownMilliseconds } from './animation-frames.ts'

/** What a GIF counts time in: a frame that is rounded up to so much too early is in time. */
const ROUNDED_MS = 10

interface Kept {
  readonly frame: Uint8Array
  /** How long it was shown before. */
  readonly ownMs: number
  shownMs: number
}

/**
 * Keeps of the frames that begin in the same part of a second the one that is shown longest, the first of equals: so there are
 * as many a second at most, each from its own time on, and one that stays after a burst is not lost. Those that are left out
 * are shown as the one before them.
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
