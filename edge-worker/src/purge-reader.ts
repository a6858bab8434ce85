/** Reads the log of purges and caches it in an isolate. */

import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import type { PurgeLog, Purges } from './purge-log.ts'
import { within } from './within.ts'

/** The timeout for reading the log, in milliseconds. */
const READ_MS = 1000
/** How long an isolate uses the purges that it has read, in milliseconds. */
const FRESH_MS = 10_000

const NOTHING_VALID: Purges = { floor: Number.POSITIVE_INFINITY, names: {} }

export interface PurgeReader {
  /**
   * Returns the time, in milliseconds since the epoch, before which validated responses of a source are
   * ignored. It may be in the future, because only one of several origins receives a purge and the others
   * still have the source in memory.
   */
  purgedAt(name: SourceName): Promise<number>
  add(names: readonly SourceName[]): Promise<void>
}

export interface PurgeReaderOptions {
  readonly namespace: DurableObjectNamespace<PurgeLog>
  /** The memory of this isolate, shared by its requests. */
  readonly memory: PurgeMemory
  /** How long an origin that did not receive a purge still serves from its memory, in milliseconds. */
  readonly originMemoryMs: number
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
  readonly onFailure: (error: unknown) => void
}

/** The purges that an isolate has read. */
export interface PurgeMemory {
  /** Undefined before the first read. */
  purges: Purges | undefined
  readAt: number
}

export function createPurgeMemory(): PurgeMemory {
  return { purges: undefined, readAt: Number.NEGATIVE_INFINITY }
}

/**
 * Creates a reader that reads the log at most once in ten seconds. When the log cannot be read, the purges
 * that are already known stay valid. When none are known, every response from before counts as purged.
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
      // The absolute difference prevents a clock that was set back from extending the last read.
      if (Math.abs(now() - memory.readAt) >= FRESH_MS) {
        // Concurrent requests use the known purges. When none are known, each request reads the log itself.
        if (memory.purges !== undefined) memory.readAt = now()
        try {
          remember(await within(READ_MS, log().read()))
        } catch (error) {
          onFailure(error)
          if (memory.purges === undefined) remember({ floor: now(), names: {} })
        }
      }
      const { floor, names } = memory.purges ?? NOTHING_VALID
      const at = names[name]
      return Math.max(floor, at === undefined ? 0 : at + originMemoryMs)
    },
    add: async (names) => remember(await log().add(names)),
  }
}
