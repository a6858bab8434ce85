/**
 * What ended its process, and is refused at once for a while. A moment of a film, a sheet or a clip may be asked for by
 * anybody, and says nothing of the rest of somebody's file: it is refused alone, and after several of one kind that kind of
 * work is, since a film that costs too much as a clip costs little as a still. What ends a process by its header or by its
 * first picture does so whatever is asked.
 */

import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import type { Work } from './work.ts'

export interface LethalWork {
  /** Why some work on a source is refused at once; undefined where it is not. */
  rejection(source: string, work: Work): Failure | undefined
  /** Work on a source ended its process. */
  remember(source: string, work: Work, end: LethalEnd): void
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
/** What is wished is the caller's choice, and each costs a process: of so many a kind of work is refused whole. */
const MOST_OF_KIND = 5

type Wished = LRUCache<string, Failure>
type Kinds = Map<Work['kind'] | 'whole', Wished>

/** `now` counts milliseconds. */
export function createLethalWork(now: () => number = () => performance.now()): LethalWork {
  const lifetime = { ttl: REMEMBERED_MS, ttlResolution: 0, perf: { now } }
  const sources = new LRUCache<string, Kinds>({ max: REMEMBERED_SOURCES })
  return {
    rejection(source, { kind, wishes }) {
      const kinds = sources.get(source)
      const whole = kinds?.get('whole')?.get(WHOLE.wishes)
      if (whole !== undefined) return whole
      const wished = kinds?.get(kind)
      if (wished === undefined) return undefined
      wished.purgeStale()
      return wished.get(wishes) ?? (wished.size < MOST_OF_KIND ? undefined : [...wished.values()][0])
    },
    remember(source, work, { failure, inspected, threw }) {
      const kinds: Kinds = sources.get(source) ?? new Map()
      const isWhole = !threw && (work.kind === 'plain' || !inspected)
      const { kind, wishes } = isWhole ? WHOLE : work
      const wished: Wished = kinds.get(kind) ?? new LRUCache({ max: MOST_OF_KIND, ...lifetime })
      wished.set(wishes, failure, threw ? { ttl: THREW_MS } : {})
      kinds.set(kind, wished)
      sources.set(source, kinds)
    },
  }
}

/** All that may be asked of a source. */
const WHOLE = { kind: 'whole', wishes: '' } as const
