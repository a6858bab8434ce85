/**
 * What was purged, and when, where no zone can purge by tag: an answer that was confirmed before the purge of its source is
 * treated as if it were not there. So a purge finds every rendition, however many there are, at every location, and
 * costs nothing until there is one.
 */

import { DurableObject } from 'cloudflare:workers'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { within } from './within.ts'

/** Purges that are remembered by name. Beyond them, all that is older than the oldest forgotten one is asked for anew. */
const MOST_PURGES = 2000
/** After this no cache holds an answer from before. In milliseconds. */
const FORGOTTEN_MS = 31 * 86_400_000
/** A log that takes longer counts as one that cannot be read. In milliseconds. */
const READ_MS = 1000
/** For how long an isolate goes by what it has read. */
const FRESH_MS = 10_000

/** Purges as the isolates read them. */
export interface Purges {
  /** Milliseconds since the epoch: every answer from before is gone. */
  readonly floor: number
  /** Milliseconds since the epoch, by the name of the source. */
  readonly names: Readonly<Record<SourceName, number>>
}

/** One object for all locations. */
export class PurgeLog extends DurableObject {
  constructor(context: DurableObjectState, environment: Cloudflare.Env) {
    super(context, environment)
    context.storage.sql.exec('CREATE TABLE IF NOT EXISTS purges (name TEXT PRIMARY KEY, at INTEGER NOT NULL)')
  }

  /** Remembers purges; gives all. Repeating one is harmless. */
  async add(names: readonly SourceName[]): Promise<Purges> {
    const { sql } = this.ctx.storage
    const now = Date.now()
    for (const name of names)
      sql.exec(
        'INSERT INTO purges VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at',
        name,
        now,
      )
    sql.exec('DELETE FROM purges WHERE at < ?', now - FORGOTTEN_MS)
    const [count] = sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM purges').toArray()
    if ((count?.n ?? 0) > MOST_PURGES) await this.#forgetHalf(now)
    return this.read()
  }

  async read(): Promise<Purges> {
    const rows = this.ctx.storage.sql
      .exec<{ name: string; at: number }>('SELECT name, at FROM purges')
      .toArray()
    return {
      floor: (await this.ctx.storage.get<number>('floor')) ?? 0,
      names: Object.fromEntries(rows.map(({ name, at }) => [name, at])),
    }
  }

  async #forgetHalf(now: number): Promise<void> {
    const { sql } = this.ctx.storage
    const [oldest] = sql
      .exec<{ at: number }>('SELECT at FROM purges ORDER BY at DESC LIMIT 1 OFFSET ?', MOST_PURGES / 2)
      .toArray()
    const floor = oldest?.at ?? now
    await this.ctx.storage.put('floor', floor)
    sql.exec('DELETE FROM purges WHERE at <= ?', floor)
  }
}

export interface PurgeReader {
  /** Milliseconds since the epoch: answers of this source that were confirmed before do not count. */
  purgedAt(name: SourceName): Promise<number>
  add(names: readonly SourceName[]): Promise<void>
}

export interface PurgeReaderOptions {
  readonly namespace: DurableObjectNamespace<PurgeLog>
  /** What this isolate has read, from request to request. */
  readonly memory: PurgeMemory
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly onFailure: (error: unknown) => void
}

/** Of one isolate. */
export interface PurgeMemory {
  purges: Purges
  readAt: number
}

export function createPurgeMemory(): PurgeMemory {
  return { purges: { floor: 0, names: {} }, readAt: Number.NEGATIVE_INFINITY }
}

/** Reads the log at most once in ten seconds; one that cannot be read leaves what was known. */
export function createPurgeReader({ namespace, memory, now, onFailure }: PurgeReaderOptions): PurgeReader {
  const log = () => namespace.get(namespace.idFromName('purges'))
  const remember = (purges: Purges) => {
    memory.purges = purges
    memory.readAt = now()
  }
  return {
    async purgedAt(name) {
      // A clock that was put back must not make the last reading last.
      if (Math.abs(now() - memory.readAt) >= FRESH_MS) {
        // Those that come meanwhile go by what is known.
        memory.readAt = now()
        try {
          remember(await within(READ_MS, log().read()))
        } catch (error) {
          onFailure(error)
        }
      }
      const { floor, names } = memory.purges
      return Math.max(floor, names[name] ?? 0)
    },
    add: async (names) => remember(await log().add(names)),
  }
}
