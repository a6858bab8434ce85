/**
 * Selects the frames of an animation or a video for the scan model, in an order in which few frames suffice.
 */

/** The number of frames of media that last a minute or less. */
const FRAMES_OF_A_MINUTE = 5
const MINUTE_SECONDS = 60

/**
 * Returns the number of evenly spaced frames to scan: five for up to a minute, one more for each further
 * minute, at most `maxFrames`.
 */
export function scanCount(durationSeconds: number, maxFrames: number): number {
  const minutesBeyond = Math.max(0, Math.ceil(durationSeconds / MINUTE_SECONDS) - 1)
  return Math.min(maxFrames, FRAMES_OF_A_MINUTE + minutesBeyond)
}

/** Reorders frames so that any first few of them are far apart: the middle one first, then those between. */
export function coarseFirst<T>(frames: readonly T[]): readonly T[] {
  const ordered: T[] = []
  let parts = [frames]
  while (parts.length > 0) {
    const halves: (readonly T[])[] = []
    for (const part of parts) {
      const middle = part.length >> 1
      ordered.push(...part.slice(middle, middle + 1))
      halves.push(part.slice(0, middle), part.slice(middle + 1))
    }
    parts = halves.filter(({ length }) => length > 0)
  }
  return ordered
}
