/**
 * What ended its process, and is refused at once for a while. A moment of a film, a sheet or a clip may be asked for by
 * anybody, and says nothing of the rest of somebody's file: it is refused alone, until several of them did the same. What ends
 * a process by its header or by its first picture does so whatever is asked.
 */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import { PLAIN } from './work.ts'

export interface LethalWork {
  /** Why some work on a source is refused at once; undefined where it is not. */
  rejection(source: string, work: string): Failure | undefined
  /** Work on a source ended its process. */
  remember(source: string, work: string, end: LethalEnd): void
}

export interface LethalEnd {
  readonly failure: Failure
  /** Its header was read before. */
  readonly inspected: boolean
  /** By an error of this code's own, which says nothing of the source and is gone with the next version. */
  readonly threw: boolean
}

/** However much ends a process by one source, it pushes out no other's. */
const REMEMBERED_SOURCES = 1000
const REMEMBERED_MS = 600_000
/** Long enough that whoever asks again at once starts no process for that. */
const THREW_MS = 60_000
/** What is asked for is the caller's choice, and each costs a process: a source of so many is refused whole. */
const MOST_WORKS = 5

/** `now` counts milliseconds. */
export function createLethalWork(now: () => number = () => performance.now()): LethalWork {
  const lifetime = { ttl: REMEMBERED_MS, ttlResolution: 0, perf: { now } }
  const sources = new LRUCache<string, LRUCache<string, Failure>>({ max: REMEMBERED_SOURCES })
  return {
    rejection(source, work) {
      const works = sources.get(source)
      if (works === undefined) return undefined
      const known = works.get(WHOLE) ?? works.get(work)
      if (known !== undefined) return known
      works.purgeStale()
      return works.size < MOST_WORKS ? undefined : [...works.values()][0]
    },
    remember(source, work, { failure, inspected, threw }) {
      const works = sources.get(source) ?? new LRUCache({ max: MOST_WORKS, ...lifetime })
      const isWhole = !threw && (work === PLAIN || !inspected)
      works.set(isWhole ? WHOLE : work, failure, threw ? { ttl: THREW_MS } : {})
      sources.set(source, works)
    },
  }
}

/** All that may be asked of a source; no work is called so. */
const WHOLE = 'whole'
