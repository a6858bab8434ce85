/**
 * Joins several wanted frames of one video into one stream, so that one child decodes them instead of three.
 * Starting a child is most of the cost.
 */

import type { CodedFrame, PacketRun, VideoInfo } from '../container/container.ts'
import { isDisposable } from '../container/nal-units.ts'
import { resetsDecoder } from './elementary.ts'

export interface JoinedRuns {
  /** All packets to decode, in order. */
  readonly run: Pick<PacketRun, 'packets' | 'description'>
  /** The indices of the wanted frames among the decoded ones, in presentation order, without duplicates. */
  readonly selected: readonly number[]
  /** For each run, the position of its frame in `selected`. */
  readonly ownOf: readonly number[]
}

/**
 * Joins runs. Undefined when a later run does not start with a frame that resets the decoder. Runs with the
 * same key frame contain each other, so only the longest is decoded.
 */
export function joinRuns(codec: VideoInfo['codec'], runs: readonly PacketRun[]): JoinedRuns | undefined {
  const longest = new Map<number, PacketRun>()
  for (const run of runs) {
    const key = keyOf(run)
    const known = longest.get(key)
    if (known === undefined || run.packets.length > known.packets.length) longest.set(key, run)
  }
  const groups = [...longest].sort(([a], [b]) => a - b)
  if (groups.slice(1).some(([, run]) => !resetsDecoder(codec, run))) return undefined
  const requestedTimes = new Set(runs.map(({ timestampSeconds }) => timestampSeconds))
  const packets: CodedFrame[] = []
  const indexOf = new Map<number, number>()
  for (const [, { packets: group, description }] of groups) {
    const needed = group.filter(
      ({ data, timestampSeconds }, index) =>
        index === 0 || requestedTimes.has(timestampSeconds) || !isDisposable(codec, data, description),
    )
    const shown = needed.map(({ timestampSeconds }) => timestampSeconds).sort((a, b) => a - b)
    for (const [index, time] of shown.entries()) {
      if (!indexOf.has(time)) indexOf.set(time, packets.length + index)
    }
    packets.push(...needed)
  }
  const indexes = runs.map(({ timestampSeconds }) => indexOf.get(timestampSeconds) ?? 0)
  const selected = [...new Set(indexes)].sort((a, b) => a - b)
  return {
    run: { packets, description: runs[0]?.description },
    selected,
    ownOf: indexes.map((index) => selected.indexOf(index)),
  }
}

/**
 * Returns the timestamp of a run's key frame. A run contains no frames shown before its key frame, so its
 * first packet is the first in presentation order, too.
 */
function keyOf(run: PacketRun): number {
  return run.packets[0]?.timestampSeconds ?? 0
}
