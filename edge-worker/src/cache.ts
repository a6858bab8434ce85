/**
 * The edge cache: complete responses by canonical URL. The platform drops an entry when its `max-age` has
 * passed, so entries are stored for longer than they are fresh, together with the time of their last
 * validation. A stale entry can then be revalidated by its ETag instead of being rendered again.
 */

import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { LIFETIME_HEADER, parseLifetime } from '@media-proxy/shared/response/lifetime.ts'

/** A response in the cache. */
export interface CachedResponse {
  /** The headers for the client, except for those that differ between requests. */
  readonly headers: HeaderRecord
  readonly sizeBytes: number
  readonly etag: string | undefined
  readonly lastModified: Date | undefined
  /** When the origin sent or last validated it, in milliseconds since the epoch. */
  readonly validatedAt: number
  /** Whether it may be served without a request to the origin. */
  readonly fresh: boolean
  /** Whether it may be served stale when the origin is unreachable. */
  readonly usable: boolean
  readonly body: ReadableStream<Uint8Array>
}

export interface EdgeCache {
  match(url: CanonicalUrl): Promise<CachedResponse | undefined>
  /** Stores a response, or validates it. `headers` are those for the client, with `content-length`. */
  put(url: CanonicalUrl, headers: Readonly<HeaderRecord>, body: BodyInit, entry: EntryInfo): Promise<void>
  /** Removes a response, or the entry that marks it as missing. */
  delete(url: CanonicalUrl): Promise<boolean>
  /** When the object was found missing, in milliseconds since the epoch. Undefined without an entry. */
  missingSince(url: CanonicalUrl): Promise<number | undefined>
  putMissing(url: CanonicalUrl, entry: EntryInfo): Promise<void>
}

/** The metadata of a cache entry. */
export interface EntryInfo {
  /** When the request to the origin started, in milliseconds since the epoch. */
  readonly requestedAt: number
  /** The cache tag that a zone purge selects by. Undefined when no zone is configured. */
  readonly tag: string | undefined
}

export interface EdgeCacheOptions {
  readonly cache: Cache
  /** The scheme and host of the cache keys, so that a purge of the zone reaches them. */
  readonly publicUrl: string
  readonly freshSeconds: number
  /** How long a missing object is cached. With 0, every request goes to the origin. */
  readonly notFoundSeconds: number
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
  /** Called when the cache cannot be read. The lookup then counts as a miss. */
  readonly onFailure: (error: unknown) => void
}

/** Entries from a clock that is ahead by more than this are revalidated like stale ones. In milliseconds. */
const CLOCK_SKEW_MS = 60_000
/** The version is incremented when the format of entries changes. Older entries are then never found. */
const KEY_PREFIX = '/.cache/4'
const MISSING_PREFIX = '/.cache/missing'
/** How long an entry is stored for revalidation, in seconds. Requests for it do not extend the time. */
const ENTRY_SECONDS = 30 * 86_400

const VALIDATED_AT = 'x-edge-validated-at'
/** The header that contains all headers for the client, because reading each header calls the platform. */
const STORED_INFO = 'x-edge-info'

interface StoredInfo {
  readonly headers: HeaderRecord
  readonly validatedAt: number
}

export function createEdgeCache(options: EdgeCacheOptions): EdgeCache {
  const { cache, publicUrl, freshSeconds, notFoundSeconds, now } = options
  const keyOf = (url: CanonicalUrl) => `${publicUrl}${KEY_PREFIX}${url}`
  const missingKeyOf = (url: CanonicalUrl) => `${publicUrl}${MISSING_PREFIX}${url}`
  async function read(key: string): Promise<Response | undefined> {
    try {
      return await cache.match(key)
    } catch (error) {
      options.onFailure(error)
      return undefined
    }
  }
  return {
    async match(url) {
      const stored = await read(keyOf(url))
      const kept = stored?.headers.get(STORED_INFO)
      if (stored?.body == null || kept == null) return undefined
      const { headers, validatedAt }: StoredInfo = JSON.parse(kept)
      const lastModified = headers['last-modified']
      const ageMs = now() - validatedAt
      const lifetime = parseLifetime(headers[LIFETIME_HEADER])
      const lives = (seconds: number) => ageMs > -CLOCK_SKEW_MS && ageMs < seconds * 1000
      return {
        headers,
        sizeBytes: Number(headers['content-length']),
        etag: headers.etag,
        lastModified: lastModified === undefined ? undefined : new Date(lastModified),
        validatedAt,
        fresh: lives(Math.min(freshSeconds, lifetime?.seconds ?? freshSeconds)),
        usable: !lifetime?.mustRevalidate || lives(lifetime.seconds),
        body: stored.body,
      }
    },

    async put(url, headers, body, { requestedAt, tag }) {
      const kept: StoredInfo = { headers, validatedAt: requestedAt }
      const stored = {
        'cache-control': `public, max-age=${ENTRY_SECONDS}`,
        'content-type': headers['content-type'] ?? 'application/octet-stream',
        ...(headers['content-length'] === undefined ? {} : { 'content-length': headers['content-length'] }),
        [STORED_INFO]: JSON.stringify(kept),
        ...(tag === undefined ? {} : { 'cache-tag': tag }),
      }
      await cache.put(keyOf(url), new Response(body, { headers: stored }))
    },

    async delete(url) {
      const [removed] = await Promise.all([cache.delete(keyOf(url)), cache.delete(missingKeyOf(url))])
      return removed
    },

    async missingSince(url) {
      if (notFoundSeconds === 0) return undefined
      const found = await read(missingKeyOf(url))
      return found === undefined ? undefined : Number(found.headers.get(VALIDATED_AT))
    },

    async putMissing(url, { requestedAt, tag }) {
      if (notFoundSeconds === 0) return
      const headers = {
        'cache-control': `public, max-age=${notFoundSeconds}`,
        [VALIDATED_AT]: String(requestedAt),
        ...(tag === undefined ? {} : { 'cache-tag': tag }),
      }
      await cache.put(missingKeyOf(url), new Response('missing', { headers }))
    },
  }
}
