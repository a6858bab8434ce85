/** How long the frames of an animation are shown. */

/**
 * Browsers show a frame with a delay of at most 10 ms for 100 ms, and one with a delay of 11 ms for 11 ms.
 */
export const DEFAULT_DELAY_MS = 100
export const MAX_IGNORED_MS = 10
const MIN_KEPT_MS = MAX_IGNORED_MS + 1

/** Returns for how long browsers show a frame with the given delay, in milliseconds. */
export function shownMilliseconds(delayMs: number | undefined): number {
  return delayMs === undefined || delayMs <= MAX_IGNORED_MS ? DEFAULT_DELAY_MS : delayMs
}

/**
 * Returns a function that rounds the delays of an animation, one after the other, to whole milliseconds. The
 * end of each frame is rounded, and not its delay, because 60 frames of 16.7 ms that last 17 ms each would
 * take longer than a second. A delay that browsers do not replace never becomes one that they replace.
 */
export function createDelayRounding(): (exactMs: number) => number {
  let [endMs, roundedEndMs] = [0, 0]
  return (exactMs) => {
    endMs += exactMs
    const left = Math.round(endMs) - roundedEndMs
    // Chromium cuts off the fraction before it replaces a delay.
    const delayMs = exactMs < MIN_KEPT_MS ? Math.floor(exactMs) : Math.max(MIN_KEPT_MS, left)
    roundedEndMs += delayMs
    return delayMs
  }
}
