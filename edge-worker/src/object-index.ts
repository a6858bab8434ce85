/**
 * Which answers the caches hold of one object: the cache itself cannot be listed, and a purge must find every
 * rendition, whatever its size and format.
 */

import { DurableObject } from 'cloudflare:workers'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'

/** Beyond this, the oldest are forgotten; they leave the caches by their age. */
const MAX_URLS = 10_000
/** After this an answer is in no cache any more. In milliseconds. */
const FORGOTTEN_MS = 31 * 86_400_000

/** One object for each stored object or external URL, for all locations. */
export class ObjectIndex extends DurableObject {
  constructor(context: DurableObjectState, environment: Cloudflare.Env) {
    super(context, environment)
    context.storage.sql.exec('CREATE TABLE IF NOT EXISTS answers (url TEXT PRIMARY KEY, at INTEGER NOT NULL)')
  }

  async add(url: string): Promise<void> {
    const { sql } = this.ctx.storage
    const now = Date.now()
    sql.exec('INSERT INTO answers VALUES (?, ?) ON CONFLICT (url) DO UPDATE SET at = excluded.at', url, now)
    sql.exec(
      'DELETE FROM answers WHERE url NOT IN (SELECT url FROM answers ORDER BY at DESC LIMIT ?)',
      MAX_URLS,
    )
    await this.ctx.storage.setAlarm(now + FORGOTTEN_MS)
  }

  /** Gives all and forgets them. */
  async take(): Promise<string[]> {
    const rows = this.ctx.storage.sql.exec<{ url: string }>('SELECT url FROM answers').toArray()
    await this.ctx.storage.deleteAlarm()
    this.ctx.storage.sql.exec('DELETE FROM answers')
    return rows.map(({ url }) => url)
  }

  override alarm(): void {
    this.ctx.storage.sql.exec('DELETE FROM answers')
  }
}

export interface AnswerIndex {
  /** Remembers that the answer of a canonical URL was made of an object. */
  add(object: string, url: CanonicalUrl): Promise<void>
  take(object: string): Promise<readonly CanonicalUrl[]>
}

export function createAnswerIndex(namespace: DurableObjectNamespace<ObjectIndex>): AnswerIndex {
  const of = (object: string) => namespace.get(namespace.idFromName(object))
  return {
    add: (object, url) => of(object).add(url),
    // Only canonical URLs were put in.
    take: async (object) => (await of(object).take()) as CanonicalUrl[],
  }
}
