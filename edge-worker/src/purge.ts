/** Removes every answer made of a source: from this location, from every location where a zone is named. */

import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { EdgeCache } from './cache.ts'
import type { AnswerIndex } from './object-index.ts'

export interface PurgeOptions {
  readonly cache: EdgeCache
  readonly index: AnswerIndex
  /** Removes these URLs at every location; undefined without a zone. */
  readonly everywhere: ((urls: readonly string[]) => Promise<Failure | undefined>) | undefined
}

/** How many answers were removed here. Fails with `external-unreachable` where the platform refuses. */
export async function purge(
  { cache, index, everywhere }: PurgeOptions,
  names: readonly SourceName[],
): Promise<number | Failure> {
  const urls = (await Promise.all(names.map((name) => index.take(name)))).flat()
  const removed = await Promise.all(urls.map((url) => cache.delete(url)))
  const failure = await everywhere?.(urls.map((url) => cache.keyOf(url)))
  return failure ?? removed.filter(Boolean).length
}

/** What one call to the platform's purge takes on every plan. */
const URLS_A_CALL = 30

export interface ZonePurgeOptions {
  readonly zone: string
  readonly token: string
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
}

/** Purges by URL through the platform's API. */
export function createZonePurge({ zone, token, fetch }: ZonePurgeOptions) {
  return async (urls: readonly string[]): Promise<Failure | undefined> => {
    for (let at = 0; at < urls.length; at += URLS_A_CALL) {
      const response = await fetch(`https://api.cloudflare.com/client/v4/zones/${zone}/purge_cache`, {
        method: 'POST',
        redirect: 'manual',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ files: urls.slice(at, at + URLS_A_CALL) }),
      })
      await response.body?.cancel()
      if (!response.ok) return fail('external-unreachable', `the zone's purge answers ${response.status}`)
    }
    return undefined
  }
}
