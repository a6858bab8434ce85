/** Which frames of what moves the model is to see, and in what order: so that the fewest tell. */

/** Of what lasts a minute or less. */
const FRAMES_OF_A_MINUTE = 5
const MINUTE_SECONDS = 60

/** How many evenly spaced frames are looked at: five of up to a minute, one more for each minute beyond, `most` at most. */
export function scanCount(durationSeconds: number, most: number): number {
  const minutesBeyond = Math.max(0, Math.ceil(durationSeconds / MINUTE_SECONDS) - 1)
  return Math.min(most, FRAMES_OF_A_MINUTE + minutesBeyond)
}

/** The same frames, so that however few are seen of them, they lie far apart: the middle first, then those between. */
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
