/** Where `/_frames` and the scan look into what moves (contract, section 6): near its start, middle and end. */

/** Three moments of something that lasts `durationSeconds`, in order, none before its start. */
export function threeMoments(durationSeconds: number): readonly [number, number, number] {
  const start = Math.min(2, Math.max(1, 0.1 * durationSeconds + 0.5))
  const [first = 0, second = 0, third = 0] = [start, durationSeconds / 2, durationSeconds - 1]
    .map((moment) => Math.min(Math.max(0, moment), durationSeconds))
    .sort((a, b) => a - b)
  return [first, second, third]
}
