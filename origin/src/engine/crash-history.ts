/**
 * Remembers work that ended its process, and rejects it at once for a while. Any client can choose the time
 * of a frame, a sprite sheet or a clip, and a failure of one says nothing about the rest of the file. So only
 * that work is rejected, and after several failures of one kind that kind of work: a video that costs too
 * much as a clip costs little as a still. A source that ends its process by its header or its first frame
 * does so for every request, and is rejected as a whole.
 */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import type { JobFingerprint } from './job-fingerprint.ts'

export interface CrashHistory {
  /** Returns the failure with which work on a source is rejected at once. Undefined when it may run. */
  rejection(source: string, fingerprint: JobFingerprint): Failure | undefined
  /** Records that work on a source ended its process. */
  remember(source: string, fingerprint: JobFingerprint, end: Crash): void
}

export interface Crash {
  readonly failure: Failure
  /** Whether its header had been read before. */
  readonly inspected: boolean
  /**
   * Whether it was an uncaught error of this code, which says nothing about the source and may be fixed in
   * the next version.
   */
  readonly threw: boolean
}

/** Counted in sources, so that many failures of one source do not evict those of another. */
const REMEMBERED_SOURCES = 1000
const REMEMBERED_MS = 600_000
/** How long an uncaught error is remembered: immediate retries then do not start a new process each time. */
const THREW_MS = 60_000
/**
 * Clients choose the options, and each choice can cost a process. After this many failures a kind of work is
 * rejected altogether.
 */
const MAX_CRASHES_OF_KIND = 5

type FailuresByOptions = LRUCache<string, Failure>
type Kinds = Map<JobFingerprint['kind'] | 'whole', FailuresByOptions>

/** Creates the memory of failures. `now` returns milliseconds. */
export function createCrashHistory(now: () => number = () => performance.now()): CrashHistory {
  const lifetime = { ttl: REMEMBERED_MS, ttlResolution: 0, perf: { now } }
  const sources = new LRUCache<string, Kinds>({ max: REMEMBERED_SOURCES })
  return {
    rejection(source, { kind, options }) {
      const kinds = sources.get(source)
      const whole = kinds?.get('whole')?.get(WHOLE.options)
      if (whole !== undefined) return whole
      const failures = kinds?.get(kind)
      if (failures === undefined) return undefined
      failures.purgeStale()
      return (
        failures.get(options) ?? (failures.size < MAX_CRASHES_OF_KIND ? undefined : [...failures.values()][0])
      )
    },
    remember(source, work, { failure, inspected, threw }) {
      const kinds: Kinds = sources.get(source) ?? new Map()
      const isWhole = !threw && (work.kind === 'plain' || !inspected)
      const { kind, options } = isWhole ? WHOLE : work
      const failures: FailuresByOptions =
        kinds.get(kind) ?? new LRUCache({ max: MAX_CRASHES_OF_KIND, ...lifetime })
      failures.set(options, failure, threw ? { ttl: THREW_MS } : {})
      kinds.set(kind, failures)
      sources.set(source, kinds)
    },
  }
}

/** Stands for all work on a source. */
const WHOLE = { kind: 'whole', options: '' } as const
