import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { LRUCache } from 'lru-cache'
import type { Rendition } from './rendition.ts'

export interface RenditionCacheOptions {
  /** The maximum total size of the small entries, in bytes. With 0, the cache stores nothing. */
  readonly maxBytes: number
  /**
   * Renditions larger than this are kept in a separate part of the cache, so that one of them cannot evict a
   * thousand avatars.
   */
  readonly maxEntryBytes: number
  /**
   * The maximum total size of the larger renditions, in bytes. One of them may
   * take up to half of it. They are clips: a player requests them in several
   * ranges, and without the cache each range request would cost another render.
   */
  readonly maxLargeBytes: number
  /** The age in milliseconds after which an entry has to be revalidated with the store. */
  readonly freshForMs: number
  /** Called for each entry that is evicted for lack of space. */
  readonly onEvict?: () => void
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number
}

export interface CachedRendition {
  readonly rendition: Rendition
  readonly fresh: boolean
}

/** An in-memory LRU cache of finished renditions, keyed by canonical URL. */
export interface RenditionCache {
  get(key: string): CachedRendition | undefined
  /** Stores a rendition. Also called with a cached rendition that was revalidated, to mark it as fresh. */
  set(key: string, rendition: Rendition): void
  delete(key: string): void
  /** Removes all renditions made from these sources and returns how many there were. */
  purge(names: readonly SourceName[]): number
  readonly bytes: number
}

interface Entry {
  readonly rendition: Rendition
  readonly checkedAt: number
}

/**
 * The memory that an entry takes besides its bytes, for the key, the validators and the buffer objects.
 * Measured as the growth of the process over 50,000 entries of 100 bytes.
 */
const ENTRY_OVERHEAD_BYTES = 1792

/** A large entry is evicted when it has not been requested for this time, in milliseconds. */
const LARGE_IDLE_MS = 60_000

export function createRenditionCache(options: RenditionCacheOptions): RenditionCache {
  if (options.maxBytes === 0) return NO_CACHE
  const bounded = (maxSize: number, idle?: LRUCache.OptionsTTLLimit<string, Entry, unknown>) =>
    new LRUCache<string, Entry>({
      ...idle,
      maxSize,
      dispose: (_entry, _key, reason) => {
        if (reason === 'evict') options.onEvict?.()
      },
      sizeCalculation: (entry, key) => entry.rendition.bytes.length + key.length + ENTRY_OVERHEAD_BYTES,
    })
  const entries = bounded(options.maxBytes)
  const large = bounded(options.maxLargeBytes, {
    ttl: LARGE_IDLE_MS,
    updateAgeOnGet: true,
    ttlAutopurge: true,
    perf: { now: options.now },
  })
  return {
    get(key) {
      const entry = entries.get(key) ?? large.get(key)
      if (entry === undefined) return undefined
      return { rendition: entry.rendition, fresh: options.now() - entry.checkedAt < options.freshForMs }
    },
    set(key, rendition) {
      // An existing entry of the same key may be in the other part of the cache.
      this.delete(key)
      if (rendition.bytes.length > options.maxEntryBytes) {
        if (2 * rendition.bytes.length <= options.maxLargeBytes)
          large.set(key, { rendition, checkedAt: options.now() })
        return
      }
      // Copies exactly the bytes of the rendition: a buffer from Sharp can hold 16 KB of native memory for an
      // image of 60 bytes.
      const bytes = new Uint8Array(rendition.bytes)
      entries.set(key, { rendition: { ...rendition, bytes }, checkedAt: options.now() })
    },
    delete(key) {
      entries.delete(key)
      large.delete(key)
    },
    purge(names) {
      const keys = [...entries, ...large]
        .filter(([, { rendition }]) => names.includes(rendition.sourceName))
        .map(([key]) => key)
      for (const key of keys) this.delete(key)
      return keys.length
    },
    get bytes() {
      return entries.calculatedSize + large.calculatedSize
    },
  }
}

const NO_CACHE: RenditionCache = {
  get: () => undefined,
  set: () => undefined,
  delete: () => undefined,
  purge: () => 0,
  bytes: 0,
}
