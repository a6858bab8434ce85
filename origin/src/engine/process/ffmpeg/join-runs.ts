/** Several wanted frames of one video as one stream: one child instead of three, which is most of their cost. */

import type { CodedFrame, PacketRun, VideoInfo } from '../container/container.ts'
import { isDisposable } from '../container/nal-units.ts'
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
export function joinRuns(codec: VideoInfo['codec'], runs: readonly PacketRun[]): JoinedRuns | undefined {
  const longest = new Map<number, PacketRun>()
  for (const run of runs) {
    const key = keyOf(run)
    const known = longest.get(key)
    if (known === undefined || run.packets.length > known.packets.length) longest.set(key, run)
  }
  const groups = [...longest].sort(([a], [b]) => a - b)
  if (groups.slice(1).some(([, run]) => !startsAnew(codec, run))) return undefined
  const wantedTimes = new Set(runs.map(({ timestampSeconds }) => timestampSeconds))
  const packets: CodedFrame[] = []
  const indexOf = new Map<number, number>()
  for (const [, { packets: group, description }] of groups) {
    const needed = group.filter(
      ({ data, timestampSeconds }, index) =>
        index === 0 || wantedTimes.has(timestampSeconds) || !isDisposable(codec, data, description),
    )
    const shown = needed.map(({ timestampSeconds }) => timestampSeconds).sort((a, b) => a - b)
    for (const [index, time] of shown.entries()) {
      if (!indexOf.has(time)) indexOf.set(time, packets.length + index)
    }
    packets.push(...needed)
  }
  const indexes = runs.map(({ timestampSeconds }) => indexOf.get(timestampSeconds) ?? 0)
  const wanted = [...new Set(indexes)].sort((a, b) => a - b)
  return {
    run: { packets, description: runs[0]?.description },
    wanted,
    ownOf: indexes.map((index) => wanted.indexOf(index)),
  }
}

/** Frames shown before their key frame are left out of a run, so its first one in any order is the key frame. */
function keyOf(run: PacketRun): number {
  return run.packets[0]?.timestampSeconds ?? 0
}
