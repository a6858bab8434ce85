/**
 * The edge cache: whole answers by canonical URL. The platform forgets an entry when its `max-age` is over, so
 * entries are kept for longer than they are fresh, with the time of their last confirmation beside them: an old
 * one is then confirmed by its ETag instead of being made again.
 */

import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { HeaderRecord } from '@media-proxy/shared/response/headers.ts'
import { LIFE_HEADER, readLife } from '@media-proxy/shared/response/life.ts'

/** An answer in the cache. */
export interface CachedAnswer {
  /** As the client gets them, but for what differs from request to request. */
  readonly headers: HeaderRecord
  readonly sizeBytes: number
  readonly etag: string | undefined
  readonly lastModified: Date | undefined
  /** When the origin said it, in milliseconds since the epoch. */
  readonly confirmedAt: number
  /** Whether it may be answered without asking the origin. */
  readonly fresh: boolean
  /** Whether it is better than nothing where the origin cannot be asked. */
  readonly usable: boolean
  readonly body: ReadableStream<Uint8Array>
}

export interface EdgeCache {
  match(url: CanonicalUrl): Promise<CachedAnswer | undefined>
  /** Keeps an answer, or confirms one. `headers` are the client's, `content-length` among them. */
  put(url: CanonicalUrl, headers: Readonly<HeaderRecord>, body: BodyInit, entry: EntryInfo): Promise<void>
  /** Removes an answer, or the memory of there being none. */
  delete(url: CanonicalUrl): Promise<boolean>
  /** When it was found that there is no such object, in milliseconds since the epoch; undefined where it was not lately. */
  missingSince(url: CanonicalUrl): Promise<number | undefined>
  putMissing(url: CanonicalUrl, entry: EntryInfo): Promise<void>
}

/** What is kept beside an answer. */
export interface EntryInfo {
  /** When the origin was asked for it, in milliseconds since the epoch. */
  readonly askedAt: number
  /** By which the zone can purge it; undefined without a zone. */
  readonly tag: string | undefined
}

export interface EdgeCacheOptions {
  readonly cache: Cache
  /** Scheme and host under which the keys live: a purge of the zone then reaches them. */
  readonly publicUrl: string
  readonly freshSeconds: number
  /** 0: what is missing is asked for every time. */
  readonly notFoundSeconds: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Told when the cache cannot be read: then it has nothing. */
  readonly onFailure: (error: unknown) => void
}

/** Entries of a clock that was ahead by more than this are confirmed like old ones. In milliseconds. */
const CLOCK_SKEW_MS = 60_000
/** Raised when the form of entries changes; older ones are then simply never found. */
const KEY_PREFIX = '/.cache/3'
const MISSING_PREFIX = '/.cache/missing'
/** How long an entry is kept for confirmation, however often it is asked for. */
const KEPT_SECONDS = 30 * 86_400

const CONFIRMED_AT = 'x-edge-confirmed-at'
/** All that the client's answer has, as one header: each one that is read costs a call into the platform. */
const KEPT = 'x-edge-kept'

interface Kept {
  readonly headers: HeaderRecord
  readonly confirmedAt: number
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
      const kept = stored?.headers.get(KEPT)
      if (stored?.body == null || kept == null) return undefined
      const { headers, confirmedAt }: Kept = JSON.parse(kept)
      const lastModified = headers['last-modified']
      const ageMs = now() - confirmedAt
      const life = readLife(headers[LIFE_HEADER])
      const lives = (seconds: number) => ageMs > -CLOCK_SKEW_MS && ageMs < seconds * 1000
      return {
        headers,
        sizeBytes: Number(headers['content-length']),
        etag: headers.etag,
        lastModified: lastModified === undefined ? undefined : new Date(lastModified),
        confirmedAt,
        fresh: lives(Math.min(freshSeconds, life?.seconds ?? freshSeconds)),
        usable: !life?.mustRevalidate || lives(life.seconds),
        body: stored.body,
      }
    },

    async put(url, headers, body, { askedAt, tag }) {
      const kept: Kept = { headers, confirmedAt: askedAt }
      const stored = {
        'cache-control': `public, max-age=${KEPT_SECONDS}`,
        'content-type': headers['content-type'] ?? 'application/octet-stream',
        ...(headers['content-length'] === undefined ? {} : { 'content-length': headers['content-length'] }),
        [KEPT]: JSON.stringify(kept),
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
      return found === undefined ? undefined : Number(found.headers.get(CONFIRMED_AT))
    },

    async putMissing(url, { askedAt, tag }) {
      if (notFoundSeconds === 0) return
      const headers = {
        'cache-control': `public, max-age=${notFoundSeconds}`,
        [CONFIRMED_AT]: String(askedAt),
        ...(tag === undefined ? {} : { 'cache-tag': tag }),
      }
      await cache.put(missingKeyOf(url), new Response('missing', { headers }))
    },
  }
}
