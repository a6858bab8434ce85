/**
 * Finished renditions in a bucket that all origins share. They
 * are read before rendering and written after the response.
 */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import {
  decodeRendition,
  encodeRendition,
  MAX_HEAD_BYTES,
  type RenditionObject,
  renditionFolder,
  renditionKey,
} from '@media-proxy/shared/store/rendition-object.ts'
import type { ObjectStore, StoredObject } from '@media-proxy/shared/store/store.ts'
import type { Log } from '../telemetry/log.ts'
import type { Rendition } from './rendition.ts'

export interface RenditionStore {
  /**
   * Returns the stored rendition with this ETag. Undefined when
   * there is none, when it is outdated, or when the store fails.
   */
  get(
    url: CanonicalUrl,
    sourceName: SourceName,
    etag: string,
    signal: AbortSignal,
  ): Promise<Rendition | undefined>
  /**
   * Queues a rendition to be written in the background. It is
   * dropped if it is too large or if too many bytes are queued.
   */
  put(url: CanonicalUrl, rendition: Rendition): void
  /** Removes all renditions of these sources and returns how many there were. */
  purge(names: readonly SourceName[]): Promise<number | Failure>
  /** Resolves when all queued writes have finished. */
  settled(): Promise<void>
}

export interface RenditionStoreOptions {
  readonly store: ObjectStore
  readonly bucket: string
  readonly maxEntryBytes: number
  readonly log: Log
}

/**
 * The maximum number of bytes queued for writing. Renditions beyond it are dropped, and made again when they
 * are next requested.
 */
const MAX_PENDING_BYTES = 64 * 1024 * 1024
const CONCURRENT_WRITES = 4

export function createRenditionStore(options: RenditionStoreOptions): RenditionStore {
  const { store, bucket, maxEntryBytes, log } = options
  const writes = createWrites()
  return {
    async get(url, sourceName, etag, signal) {
      const object = await store.get(bucket, await renditionKey(sourceName, url), { signal })
      if (isFailure(object)) {
        if (object.code !== 'not-found') log.warn(logged(object), 'a stored rendition could not be read')
        return undefined
      }
      const decoded = await readStored(object, options)
      if (decoded === undefined || decoded.head.etag !== etag) return undefined
      const { format, lastModified, nsfwProbability, spriteIntervalSeconds, sourceKey, sourceEtag } =
        decoded.head
      return {
        bytes: decoded.bytes,
        format,
        etag,
        sourceName,
        sourceKey,
        sourceEtag,
        lastModified: lastModified === undefined ? undefined : new Date(lastModified),
        ...(nsfwProbability === undefined ? {} : { nsfwProbability }),
        ...(spriteIntervalSeconds === undefined ? {} : { spriteIntervalSeconds }),
      }
    },

    put(url, rendition) {
      if (rendition.bytes.length > maxEntryBytes) return
      const work = () => write(options, url, rendition)
      writes.add({ sizeBytes: rendition.bytes.length, sourceName: rendition.sourceName, work })
    },

    async purge(names) {
      await writes.drop(new Set(names))
      let removed = 0
      for (const name of names) {
        const count = await store.removeBelow(bucket, await renditionFolder(name))
        if (isFailure(count)) return count
        removed += count
      }
      return removed
    },

    settled: () => writes.settled(),
  }
}

/**
 * Reads and decodes a stored rendition. Undefined when it breaks off or is larger than anything written here.
 */
async function readStored(
  { info, body }: StoredObject,
  { maxEntryBytes, log }: RenditionStoreOptions,
): Promise<RenditionObject | undefined> {
  if ((info.sizeBytes ?? 0) > maxEntryBytes + MAX_HEAD_BYTES) {
    await discardBody(body)
    return undefined
  }
  try {
    return decodeRendition(new Uint8Array(await new Response(body).arrayBuffer()))
  } catch (error) {
    log.warn({ err: error }, 'a stored rendition could not be read')
    return undefined
  }
}

async function write(
  { store, bucket, log }: RenditionStoreOptions,
  url: CanonicalUrl,
  rendition: Rendition,
): Promise<void> {
  const { bytes, format, etag, lastModified, nsfwProbability, spriteIntervalSeconds } = rendition
  const { sourceName, sourceKey, sourceEtag } = rendition
  const head = {
    format,
    etag,
    sourceKey,
    sourceEtag,
    ...(lastModified === undefined ? {} : { lastModified: lastModified.getTime() }),
    ...(nsfwProbability === undefined ? {} : { nsfwProbability }),
    ...(spriteIntervalSeconds === undefined ? {} : { spriteIntervalSeconds }),
  }
  try {
    const key = await renditionKey(sourceName, url)
    const failure = await store.put(bucket, key, encodeRendition(head, bytes))
    if (failure !== undefined) log.warn(logged(failure), 'a rendition could not be stored')
  } catch (error) {
    log.warn({ err: error }, 'a rendition could not be stored')
  }
}

interface Write {
  readonly sizeBytes: number
  readonly sourceName: SourceName
  readonly work: () => Promise<void>
}

/** A queue of background writes, bounded in concurrency and in bytes. */
function createWrites() {
  let waiting: Write[] = []
  const writing = new Map<Write, Promise<void>>()
  let pendingBytes = 0

  function startNext(): void {
    while (writing.size < CONCURRENT_WRITES) {
      const next = waiting.shift()
      if (next === undefined) return
      const written = next.work().finally(() => {
        pendingBytes -= next.sizeBytes
        writing.delete(next)
        startNext()
      })
      writing.set(next, written)
    }
  }

  return {
    /**
     * Queues a write, or drops it when too many bytes are queued. When the queue is empty, a write of any
     * size is accepted.
     */
    add(write: Write): void {
      if (pendingBytes > 0 && pendingBytes + write.sizeBytes > MAX_PENDING_BYTES) return
      pendingBytes += write.sizeBytes
      waiting.push(write)
      startNext()
    },

    /** Drops the queued writes of these sources. Resolves when no write of them is in progress any more. */
    async drop(names: ReadonlySet<SourceName>): Promise<void> {
      const [dropped, kept] = [true, false].map((isDropped) =>
        waiting.filter(({ sourceName }) => names.has(sourceName) === isDropped),
      )
      waiting = kept ?? []
      for (const { sizeBytes } of dropped ?? []) pendingBytes -= sizeBytes
      await Promise.all([...writing].map(([write, written]) => names.has(write.sourceName) && written))
    },

    async settled(): Promise<void> {
      while (writing.size > 0) await Promise.all(writing.values())
    },
  }
}

function logged({ code, detail }: Failure) {
  return { failure: code, detail }
}
