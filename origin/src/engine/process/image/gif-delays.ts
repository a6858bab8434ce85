/** The delays of a GIF, which are in hundredths of a second. */

import { DEFAULT_DELAY_MS, MAX_IGNORED_MS, shownMilliseconds } from '../pixels/delays.ts'
import type { AnimationTiming } from '../pixels/strip.ts'

const UNIT_MS = 10
/** The shortest delay that browsers do not replace. */
const MIN_DELAY_MS = 2 * UNIT_MS

/**
 * Rounds the delays to what a GIF can express. The end of each frame is rounded, and not its delay, because
 * frames of 33 ms that last 30 ms each would play a tenth faster. A delay that browsers replace, by a tenth of
 * a second, stays one that they replace. All others are at least 20 ms, because browsers replace 10 ms.
 */
export function inHundredths({ loop, delay }: AnimationTiming): AnimationTiming {
  if (delay === undefined) return { loop }
  let endMs = 0
  let roundedEndMs = 0
  return {
    loop,
    delay: delay.map((declaredMs) => {
      endMs += shownMilliseconds(declaredMs)
      if (declaredMs <= MAX_IGNORED_MS) {
        roundedEndMs += DEFAULT_DELAY_MS
        return declaredMs
      }
      const left = Math.round((endMs - roundedEndMs) / UNIT_MS) * UNIT_MS
      const roundedMs = Math.max(MIN_DELAY_MS, left)
      roundedEndMs += roundedMs
      return roundedMs
    }),
  }
}
