/**
 * Selects times of an animation or a video: near the start, in the middle and near the end for `/_frames`
 * (contract, section 6), otherwise evenly spaced.
 */

/** The smallest distance between two of the times, so that they are three different frames. */
const MIN_GAP_SECONDS = 0.5

/**
 * Returns three times for media with the given duration, in order, none before the start or after the end.
 */
export function threeTimestamps(durationSeconds: number): readonly [number, number, number] {
  const start = Math.min(2, Math.max(1, 0.1 * durationSeconds + 0.5))
  const middle = Math.max(durationSeconds / 2, start + MIN_GAP_SECONDS)
  const end = Math.max(durationSeconds - 1, middle + MIN_GAP_SECONDS)
  if (end <= durationSeconds) return [start, middle, end]
  // Too short for that distance.
  const sixth = durationSeconds / 6
  return [sixth, 3 * sixth, 5 * sixth]
}

/**
 * Returns three of `frames` frames: those at the wanted indices (in order), moved apart where two are the
 * same. Fewer than three when there are no more.
 */
export function threeFrames(requested: readonly number[], frames: number): readonly number[] {
  if (frames <= 3) return Array.from({ length: frames }, (_, frame) => frame)
  const [first = 0, second = 0, third = 0] = requested
  const last = Math.min(frames - 1, Math.max(third, second + 1, first + 2))
  const middle = Math.min(last - 1, Math.max(second, first + 1))
  return [Math.min(middle - 1, first), middle, last]
}

/** Returns the centres of `count` equal parts of the duration, in order. */
export function evenTimestamps(durationSeconds: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, part) => ((part + 0.5) * durationSeconds) / count)
}
