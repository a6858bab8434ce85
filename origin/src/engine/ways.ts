/** The way of a job to a process: its lane, its pool, and what it may cost until its header tells. */

import type { Lane } from '../concurrency/lane.ts'
import { shareOf } from '../concurrency/share.ts'
import { mayBeDear } from '../media/dear-svg.ts'
import type { Source } from '../source/bytes/source.ts'
import type { Cost } from './jobs.ts'
import { type EngineLanes, SMALL_JOB, VIDEO_JOB } from './lanes.ts'
import type { Pool } from './pool.ts'

export interface Way {
  readonly lane: Lane
  readonly pool: Pool
  readonly allowance: Cost
  readonly weightBytes: number
  /** Processor time until the header is read, and for all of a job that says nothing of its cost. */
  readonly headerCpuSeconds: number
  /** A job that takes longer is begun again elsewhere, instead of being refused. */
  readonly isQuick: boolean
}

/**
 * Processes for what is over soon, and processes of lower priority for the rest: a crowd of files that are dear to open
 * keeps nobody's avatar waiting.
 */
export interface EnginePools {
  readonly quick: Pool
  readonly heavy: Pool
  /** Of the lowest priority. */
  readonly clips: Pool
}

export interface Ways {
  /** Where a job begins, by what is known before its header is. */
  first(source: Source, isSlow: boolean): Way
  /** For what is a clip, whatever it is made of. */
  readonly clip: Way
  /** For a job that was not over so soon. */
  readonly slow: Way
  /** For a job of a predicted cost on a source. */
  admitted(cost: Cost, source: Source): Way
}

/** Reading a header takes milliseconds; one that takes so long was made to. */
const HEADER_CPU_SECONDS = 2
/** What is not over so soon begins again where it is in nobody's way. */
const QUICK_CPU_SECONDS = 0.15
/** What a header is admitted with that takes long: nobody knows what it builds in memory. */
const SLOW_HEADER_BYTES = 384 * 1024 * 1024

export function createWays(lanes: EngineLanes, pools: EnginePools, mostOfClip: Cost): Ways {
  const quick: Way = {
    lane: lanes.small,
    pool: pools.quick,
    allowance: SMALL_JOB,
    weightBytes: 0,
    headerCpuSeconds: QUICK_CPU_SECONDS,
    isQuick: true,
  }
  const video: Way = {
    ...quick,
    lane: lanes.videos,
    pool: pools.heavy,
    allowance: VIDEO_JOB,
    headerCpuSeconds: HEADER_CPU_SECONDS,
    isQuick: false,
  }
  const externalLarge = shareOf(lanes.large, lanes.external)
  const externalVideo: Way = { ...video, lane: shareOf(lanes.videos, lanes.external) }
  const heavy = (
    allowance: Cost,
    weightBytes: number,
    { isFar = false }: Pick<Source, 'isFar'> = {},
  ): Way => ({
    ...video,
    lane: isFar ? externalLarge : lanes.large,
    allowance,
    weightBytes,
  })
  const clip: Way = { ...video, lane: lanes.clips, pool: pools.clips, allowance: mostOfClip }
  const slow = heavy(SMALL_JOB, SLOW_HEADER_BYTES)
  return {
    slow,
    clip,
    admitted: (cost, source) => heavy(cost, cost.memoryBytes + readBytes(source), source),
    first(source, isSlow) {
      const { kind, bytes, parts, isFar } = source
      if (kind?.kind === 'video' || kind?.kind === 'audio') return isFar ? externalVideo : video
      if (isSlow || (kind?.format === 'svg' && mayBeDear(bytes))) return slow
      // What is not in memory is read first, however long that takes.
      return bytes.length === parts.sizeBytes
        ? quick
        : heavy(SMALL_JOB, SMALL_JOB.memoryBytes + parts.sizeBytes, source)
    },
  }
}

/** What a process reads of a source into its own memory: all of a large picture, which its predicted cost leaves out. */
function readBytes({ kind, bytes, parts }: Source): number {
  return kind?.kind === 'image' && bytes.length !== parts.sizeBytes ? parts.sizeBytes : 0
}
