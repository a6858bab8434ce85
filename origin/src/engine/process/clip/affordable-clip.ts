/** Reduces a clip that would take too long, so that it is made instead of being rejected. */

import type { Size } from '../../../media/size.ts'
import type { Cost } from '../../jobs.ts'

/** The size and the frame rate of a clip. */
export interface ClipScale {
  readonly size: Size
  /** In frames per second. Undefined when all frames of the source are kept. */
  readonly frameRate: number | undefined
}

export interface AffordableClip {
  readonly scale: ClipScale
  readonly seconds: number
}

export interface ClipChoices {
  /** The scales to choose from, the best one first. */
  readonly scales: readonly [ClipScale, ...ClipScale[]]
  readonly seconds: number
  /** Whether the clip may be shorter than `seconds`, because the URL requests no duration. */
  readonly mayShorten: boolean
}

/** A shorter clip is rejected instead. */
const MIN_SECONDS = 10

/**
 * Returns the best clip whose predicted CPU time is within the allowance: at the first scale that fits, or
 * else at the last one and as long as fits. When nothing fits, returns the last scale at its full duration.
 */
export function affordableClip(
  { scales, seconds, mayShorten }: ClipChoices,
  costOf: (scale: ClipScale, seconds: number) => Cost,
  { cpuSeconds }: Cost,
): AffordableClip {
  const fits = (scale: ClipScale, length: number) => costOf(scale, length).cpuSeconds <= cpuSeconds
  const best = scales.find((scale) => fits(scale, seconds))
  if (best !== undefined) return { scale: best, seconds }
  const scale = scales.at(-1) ?? scales[0]
  if (mayShorten)
    for (let shorter = Math.floor(seconds); shorter >= MIN_SECONDS; shorter -= 1)
      if (fits(scale, shorter)) return { scale, seconds: shorter }
  return { scale, seconds }
}
