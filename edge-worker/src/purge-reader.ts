/** What an isolate knows of the log of purges, and for how long it goes by that. */

import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import type { PurgeLog } from './purge-log.ts'
import { within } from './within.ts'

/** A log that takes longer counts as one that cannot be read. In milliseconds. */
const READ_MS = 1000
/** For how long an isolate goes by what it has read. In milliseconds. */
const FRESH_MS = 10_000

/** Purges as the isolates read them. */
export interface Purges {
  /** Milliseconds since the epoch: every answer from before is gone. */
  readonly floor: number
  /** Milliseconds since the epoch, by the name of the source. */
  readonly names: Readonly<Record<SourceName, number>>
}

const NOTHING_HOLDS: Purges = { floor: Number.POSITIVE_INFINITY, names: {} }

export interface PurgeReader {
  /**
   * Milliseconds since the epoch: answers of this source that were confirmed before do not count. It may be to come: of
   * several origins one was told of the purge.
   */
  purgedAt(name: SourceName): Promise<number>
  add(names: readonly SourceName[]): Promise<void>
}

export interface PurgeReaderOptions {
  readonly namespace: DurableObjectNamespace<PurgeLog>
  /** What this isolate has read, from request to request. */
  readonly memory: PurgeMemory
  /** For how long an origin that a purge did not reach goes on answering from its memory, in milliseconds. */
  readonly originMemoryMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly onFailure: (error: unknown) => void
}

/** Of one isolate. */
export interface PurgeMemory {
  /** Undefined before the first reading. */
  purges: Purges | undefined
  readAt: number
}

export function createPurgeMemory(): PurgeMemory {
  return { purges: undefined, readAt: Number.NEGATIVE_INFINITY }
}

/**
 * Reads the log at most once in ten seconds; one that cannot be read leaves what was known. Where nothing was, every
 * answer from before may have been purged.
 */
export function createPurgeReader({
  namespace,
  memory,
  originMemoryMs,
  now,
  onFailure,
}: PurgeReaderOptions): PurgeReader {
  const log = () => namespace.get(namespace.idFromName('purges'))
  const remember = (purges: Purges) => {
    memory.purges = purges
    memory.readAt = now()
  }
  return {
    async purgedAt(name) {
      // A clock that was put back must not make the last reading last.
      if (Math.abs(now() - memory.readAt) >= FRESH_MS) {
        // Those that come meanwhile go by what is known; where nothing is, each reads for itself.
        if (memory.purges !== undefined) memory.readAt = now()
        try {
          remember(await within(READ_MS, log().read()))
        } catch (error) {
          onFailure(error)
          if (memory.purges === undefined) remember({ floor: now(), names: {} })
        }
      }
      const { floor, names } = memory.purges ?? NOTHING_HOLDS
      const at = names[name]
      return Math.max(floor, at === undefined ? 0 : at + originMemoryMs)
    },
    add: async (names) => remember(await log().add(names)),
  }
}
