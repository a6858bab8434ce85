/** A request for media at the edge, what is needed to deliver it, and its entry in the cache. */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { isClipFormat } from '@media-proxy/shared/formats.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceRequest } from '@media-proxy/shared/request/media-request.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { CachedResponse, EdgeCache, EntryInfo } from './cache.ts'
import type { EdgeExchange } from './exchange.ts'
import type { LocalFlights } from './local-flights.ts'
import type { FetchOrigin } from './origin.ts'
import type { LeaderOutcome, Role, SingleFlight } from './single-flight.ts'
import type { StoredRenditions } from './stored-renditions.ts'

export interface Delivery {
  readonly cache: EdgeCache
  readonly singleFlight: SingleFlight
  readonly localFlights: LocalFlights
  readonly origin: FetchOrigin
  /** Undefined when no bucket of finished renditions is bound. */
  readonly renditions: StoredRenditions | undefined
  /** The time of the last purge, in milliseconds since the epoch. Responses validated earlier are ignored. */
  readonly purgedAt: (name: SourceName) => Promise<number>
  /** Returns the cache tag that a zone purge selects by. Undefined when no zone is configured. */
  readonly tagOf: (name: SourceName) => Promise<string | undefined>
  /** The largest cached body. Larger ones are streamed without caching. */
  readonly maxEntryBytes: number
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
}

/** A request for media, and the exchange with the client that sent it. */
export interface DeliveryRequest {
  readonly exchange: EdgeExchange
  readonly request: SourceRequest
  /** The name of the source. */
  readonly name: SourceName
  /** The key of the cache and of the single flight. */
  readonly url: CanonicalUrl
  /** The raw path and query of the request to the origin. */
  readonly originPath: string
  /**
   * Whether the complete response is fetched and cached even if the client requests a part, because the
   * origin has it in one piece. Otherwise a part that is not in the cache is requested from the origin as a
   * part, and the whole is fetched in the background.
   */
  readonly whole: boolean
  /** Runs before a cache miss goes to the origin; a failure it returns is the response. */
  readonly beforeRender: () => Promise<Failure | undefined>
}

interface Found {
  /** The cached response, if it was validated after the last purge of its source. */
  readonly cached: CachedResponse | undefined
  /** In milliseconds since the epoch. */
  readonly purgedAt: number
}

/** Looks into the cache. An entry that was validated before the last purge of its source is ignored. */
export async function lookUp(
  { cache, purgedAt: purgedAtOf }: Delivery,
  { name, url }: DeliveryRequest,
): Promise<Found> {
  const [cached, purgedAt] = await Promise.all([cache.match(url), purgedAtOf(name)])
  if (cached === undefined || cached.validatedAt > purgedAt) return { cached, purgedAt }
  await discardBody(cached.body)
  return { cached: undefined, purgedAt }
}

/** Returns the metadata of the cache entry of a request that is sent to the origin now. */
export async function entryOf({ now, tagOf }: Delivery, { name }: DeliveryRequest): Promise<EntryInfo> {
  return { requestedAt: now(), tag: await tagOf(name) }
}

/** Whether the rendition is a clip, which may take minutes to render. */
export function isClip({ request }: DeliveryRequest): boolean {
  return (
    'transformation' in request &&
    request.transformation !== undefined &&
    isClipFormat(request.transformation.format)
  )
}

/** Settles a flight with the outcome of its leader. When that fails, the flight is abandoned. */
export async function settleWith(
  role: Extract<Role, { kind: 'lead' }>,
  outcome: Promise<LeaderOutcome>,
): Promise<void> {
  await role.settle(await outcome.catch((): LeaderOutcome => ({ kind: 'abandoned' })))
}
