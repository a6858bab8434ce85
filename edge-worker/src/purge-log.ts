/**
 * The log of purges, for deployments without a zone that can purge by tag. A response that was validated
 * before the last purge of its source counts as missing. A purge therefore applies to every rendition,
 * regardless of their number, at every location. The log is empty until the first purge.
 */

import { DurableObject } from 'cloudflare:workers'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'

/**
 * The number of purges that are stored by name. Beyond it, the older half is dropped, and every response from
 * before the newest dropped purge counts as purged.
 */
const MAX_PURGES = 2000
/** The age at which a purge is dropped, because no cache holds responses from before it. In milliseconds. */
const RETENTION_MS = 31 * 86_400_000

/** The purges that an isolate reads. */
export interface Purges {
  /** Every response from before this time counts as purged. In milliseconds since the epoch. */
  readonly floor: number
  /** The time of the last purge by source name, in milliseconds since the epoch. */
  readonly names: Readonly<Record<SourceName, number>>
}

/** The log, as one object for all locations. */
export class PurgeLog extends DurableObject {
  constructor(context: DurableObjectState, environment: Cloudflare.Env) {
    super(context, environment)
    context.storage.sql.exec('CREATE TABLE IF NOT EXISTS purges (name TEXT PRIMARY KEY, at INTEGER NOT NULL)')
  }

  /** Adds purges and returns all of them. Repeating a purge is harmless. */
  async add(names: readonly SourceName[]): Promise<Purges> {
    const { sql } = this.ctx.storage
    const now = Date.now()
    for (const name of names)
      sql.exec(
        'INSERT INTO purges VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at',
        name,
        now,
      )
    sql.exec('DELETE FROM purges WHERE at < ?', now - RETENTION_MS)
    const [count] = sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM purges').toArray()
    if ((count?.n ?? 0) > MAX_PURGES) await this.#forgetHalf(now)
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
      .exec<{ at: number }>('SELECT at FROM purges ORDER BY at DESC LIMIT 1 OFFSET ?', MAX_PURGES / 2)
      .toArray()
    const floor = oldest?.at ?? now
    await this.ctx.storage.put('floor', floor)
    sql.exec('DELETE FROM purges WHERE at <= ?', floor)
  }
}
