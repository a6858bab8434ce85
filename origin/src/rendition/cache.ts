import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { LRUCache } from 'lru-cache'
import type { Rendition } from './rendition.ts'

export interface RenditionCacheOptions {
  /** Bound on the sum of all entries; 0 keeps nothing. */
  readonly maxBytes: number
  /** Larger renditions are not among them, so that one of them cannot push out a thousand avatars. */
  readonly maxEntryBytes: number
  /**
   * Bound on the sum of those, each of half of it at the most. They are clips: a player asks for one part after the other,
   * and each would be another render.
   */
  readonly maxLargeBytes: number
  /** Age at which the store has to be asked whether an entry still holds. */
  readonly freshForMs: number
  /** Called for each entry that had to make room. */
  readonly onEvict?: () => void
  /** Milliseconds; monotonic. */
  readonly now: () => number
}

export interface CachedRendition {
  readonly rendition: Rendition
  readonly fresh: boolean
}

/** Finished renditions in memory, by canonical URL, least recently used first out. */
export interface RenditionCache {
  get(key: string): CachedRendition | undefined
  /** Keeps a rendition; also says of a kept one that it was found to hold. */
  set(key: string, rendition: Rendition): void
  delete(key: string): void
  /** Removes all that were made of these sources; gives their number. */
  purge(names: readonly SourceName[]): number
  readonly bytes: number
}

interface Entry {
  readonly rendition: Rendition
  readonly checkedAt: number
}

/**
 * What an entry costs beside its bytes: key, validators, the buffer's own objects. Measured as the growth of the
 * process over 50,000 entries of 100 bytes.
 */
const ENTRY_OVERHEAD_BYTES = 1792

/** A large one leaves when nobody has asked for it for so long. */
const LARGE_IDLE_MS = 60_000

export function createRenditionCache(options: RenditionCacheOptions): RenditionCache {
  if (options.maxBytes === 0) return KEEPS_NOTHING
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
      // An older one of the same name may be of the other size.
      this.delete(key)
      if (rendition.bytes.length > options.maxEntryBytes) {
        if (2 * rendition.bytes.length <= options.maxLargeBytes)
          large.set(key, { rendition, checkedAt: options.now() })
        return
      }
      // A copy, of just its length: what Sharp gives holds 16 KB of native memory for a picture of 60 bytes.
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

const KEEPS_NOTHING: RenditionCache = {
  get: () => undefined,
  set: () => undefined,
  delete: () => undefined,
  purge: () => 0,
  bytes: 0,
}
