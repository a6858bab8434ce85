/**
 * The classes of jobs. A class determines the lane, the pool, and the cost that is admitted before the header
 * is read.
 */

import type { Lane } from '../concurrency/lane.ts'
import { shareOf } from '../concurrency/share.ts'
import { mayBeExpensive } from '../media/expensive-svg.ts'
import { isWhole, type Source } from '../source/bytes/source.ts'
import type { Cost } from './jobs.ts'
import { type EngineLanes, QUICK_JOB, VIDEO_JOB } from './lanes.ts'
import type { Pool } from './pool.ts'

export interface JobClass {
  readonly lane: Lane
  readonly pool: Pool
  readonly allowance: Cost
  readonly weightBytes: number
  /**
   * The CPU time until the header is read, in seconds, and the limit of a job that does not report its cost.
   */
  readonly headerCpuSeconds: number
  /** The factor by which a job may exceed its predicted CPU time. */
  readonly cpuMargin: number
  /** Whether a job that takes longer starts again in another class, instead of being rejected. */
  readonly isQuick: boolean
}

/**
 * The pools of processes: one for quick jobs, and ones of lower priority for the others. Many files that are
 * expensive to open then do not delay small images such as avatars.
 */
export interface EnginePools {
  readonly quick: Pool
  readonly heavy: Pool
  /** The pool of the lowest priority. */
  readonly clips: Pool
}

export interface JobClasses {
  /** Returns the class in which a job starts, based on what is known before its header is read. */
  first(source: Source, isSlow: boolean): JobClass
  /** For clips, whatever their source is. */
  readonly clip: JobClass
  /** The heavy class for a header that takes long to read, as of a job that exceeded the time of the quick class. */
  readonly slow: JobClass
  /** Returns the class of a job with a predicted cost. */
  admitted(cost: Cost, source: Source): JobClass
}

/** Reading a header takes milliseconds. A header that takes this long was crafted to. */
const HEADER_CPU_SECONDS = 2
/** A job that takes longer starts again in the slow class, where it does not delay quick jobs. */
const QUICK_CPU_SECONDS = 0.15
const CPU_MARGIN = 2
/**
 * Clips are long, so a slow or busy machine exceeds a prediction by seconds: the same clip took 1.6 times the
 * CPU time when other programs shared the cores. The deadline of a clip still bounds it.
 */
const CLIP_CPU_MARGIN = 4
/** The memory that is admitted for a slow header, in bytes, because its real memory use is unknown. */
const SLOW_HEADER_BYTES = 384 * 1024 * 1024

/** Creates the classes. `maxCostOfClip` is the largest cost of one clip. */
export function createJobClasses(lanes: EngineLanes, pools: EnginePools, maxCostOfClip: Cost): JobClasses {
  const quick: JobClass = {
    lane: lanes.quick,
    pool: pools.quick,
    allowance: QUICK_JOB,
    weightBytes: 0,
    headerCpuSeconds: QUICK_CPU_SECONDS,
    cpuMargin: CPU_MARGIN,
    isQuick: true,
  }
  const video: JobClass = {
    ...quick,
    lane: lanes.videos,
    pool: pools.heavy,
    allowance: VIDEO_JOB,
    headerCpuSeconds: HEADER_CPU_SECONDS,
    isQuick: false,
  }
  const externalHeavy = shareOf(lanes.heavy, lanes.external)
  const externalVideo: JobClass = { ...video, lane: shareOf(lanes.videos, lanes.external) }
  const heavy = (
    allowance: Cost,
    weightBytes: number,
    { readsExternally = false }: Pick<Source, 'readsExternally'> = {},
  ): JobClass => ({
    ...video,
    lane: readsExternally ? externalHeavy : lanes.heavy,
    allowance,
    weightBytes,
  })
  const clip: JobClass = {
    ...video,
    lane: lanes.clips,
    pool: pools.clips,
    allowance: maxCostOfClip,
    cpuMargin: CLIP_CPU_MARGIN,
  }
  const slow = heavy(QUICK_JOB, SLOW_HEADER_BYTES)
  return {
    slow,
    clip,
    admitted: (cost, source) => heavy(cost, cost.memoryBytes + readBytes(source), source),
    first(source, isSlow) {
      const { kind, bytes, parts, readsExternally } = source
      if (kind?.kind === 'video' || kind?.kind === 'audio') return readsExternally ? externalVideo : video
      if (isSlow || (kind?.format === 'svg' && mayBeExpensive(bytes))) return slow
      // A source that is not in memory is read first, which may take long.
      return isWhole(source) ? quick : heavy(QUICK_JOB, QUICK_JOB.memoryBytes + parts.sizeBytes, source)
    },
  }
}

/**
 * Returns the bytes that a process reads into its own memory: all of a large image, which its predicted cost
 * does not include.
 */
function readBytes(source: Source): number {
  return source.kind?.kind === 'image' && !isWhole(source) ? source.parts.sizeBytes : 0
}
