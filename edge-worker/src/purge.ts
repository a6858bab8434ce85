/** Purges every response for a source, at every location. */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { strongEtag } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { PurgeReader } from './purge-reader.ts'
import { within } from './within.ts'

/** Purges sources and returns a failure, if any. A failed purge can be repeated without harm. */
export type Purge = (names: readonly SourceName[]) => Promise<Failure | undefined>

/** Returns the failure of a purge that did not reach all caches. Its client sends it again. */
export function purgeUnavailable(what: string, reason: string): Failure {
  return fail('overloaded', `${what} is not available: ${reason}`, { 'retry-after': '5' })
}

/** Creates a purge that uses the log of purges, which every isolate reads within ten seconds. */
export function createLogPurge(log: PurgeReader): Purge {
  return async (names) => {
    try {
      await log.add(names)
      return undefined
    } catch (error) {
      return purgeUnavailable('the log of purges', String(error))
    }
  }
}

/** Returns the cache tag of all responses for a source. */
export async function cacheTagOf(name: SourceName): Promise<string> {
  return `source-${(await strongEtag(name)).replaceAll('"', '')}`
}

/** The number of tags that one call of the platform's purge accepts on every plan. */
const TAGS_PER_CALL = 30
/** The timeout of a call, in milliseconds. */
const PURGE_MS = 10_000

export interface ZonePurgeOptions {
  readonly zone: string
  readonly token: string
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
}

/** Creates a purge by tag through the platform's API: immediate, at every location, and without a log. */
export function createZonePurge({ zone, token, fetch }: ZonePurgeOptions): Purge {
  return async (names) => {
    const tags = await Promise.all(names.map(cacheTagOf))
    for (let at = 0; at < tags.length; at += TAGS_PER_CALL) {
      const call = fetch(`https://api.cloudflare.com/client/v4/zones/${zone}/purge_cache`, {
        method: 'POST',
        redirect: 'manual',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ tags: tags.slice(at, at + TAGS_PER_CALL) }),
      })
      const fault = await faultOf(call)
      if (fault !== undefined) return purgeUnavailable("the zone's purge", fault)
    }
    return undefined
  }
}

/** Returns the reason why the platform did not purge. Its API may report an error only in the body. */
async function faultOf(call: Promise<Response>): Promise<string | undefined> {
  try {
    const response = await within(PURGE_MS, call)
    if (!response.ok) {
      await discardBody(response.body)
      return `status ${response.status}`
    }
    const { success } = await within(PURGE_MS, response.json<{ readonly success?: boolean }>())
    return success === true ? undefined : 'no success'
  } catch (error) {
    return String(error)
  }
}
