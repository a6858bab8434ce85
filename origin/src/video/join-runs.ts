/** Several wanted frames of one video as one stream: one child instead of three, which is most of their cost. */

import type { PacketRun, VideoFacts } from './container.ts'
import { startsAnew } from './elementary.ts'

export interface JoinedRuns {
  /** All frames to decode, in order. */
  readonly run: Pick<PacketRun, 'packets' | 'description'>
  /** Which of the decoded frames are wanted, in the order of showing, each once. */
  readonly wanted: readonly number[]
  /** For each of the runs, which of the wanted ones is its own. */
  readonly ownOf: readonly number[]
}

/**
 * Joins runs; undefined where a later one does not start on a frame that makes a decoder forget what was before.
 * Runs from the same key frame are parts of each other, and the longest is decoded for all.
 */
export function joinRuns(codec: VideoFacts['codec'], runs: readonly PacketRun[]): JoinedRuns | undefined {
  const longest = new Map<number, PacketRun>()
  for (const run of runs) {
    const key = keyOf(run)
    const known = longest.get(key)
    if (known === undefined || run.packets.length > known.packets.length) longest.set(key, run)
  }
  const groups = [...longest].sort(([a], [b]) => a - b)
  if (groups.slice(1).some(([, run]) => !startsAnew(codec, run))) return undefined
  const starts = new Map<number, number>()
  let frames = 0
  for (const [key, run] of groups) {
    starts.set(key, frames)
    frames += run.packets.length
  }
  const indexes = runs.map((run) => {
    const key = keyOf(run)
    return (
      (starts.get(key) ?? 0) + Math.max(0, longest.get(key)?.shownSeconds.indexOf(run.timestampSeconds) ?? 0)
    )
  })
  const wanted = [...new Set(indexes)].sort((a, b) => a - b)
  return {
    run: { packets: groups.flatMap(([, run]) => run.packets), description: runs[0]?.description },
    wanted,
    ownOf: indexes.map((index) => wanted.indexOf(index)),
  }
}

/** Frames shown before their key frame are left out of a run, so the key frame is the first that is shown. */
function keyOf(run: PacketRun): number {
  return run.shownSeconds[0] ?? 0
}
