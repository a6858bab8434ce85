import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ObjectInfo, ObjectStore, StoredObject } from '@media-proxy/shared/store/store.ts'
import { inspectImage } from '../image/inspect.ts'
import type { MediaKind } from '../media/kinds.ts'
import type { MediaLimits } from '../media/limits.ts'
import type { MediaBytes } from '../media/media-bytes.ts'
import { objectBytes } from '../media/object-bytes.ts'
import { readAll } from '../media/read-all.ts'
import { SNIFF_BYTES, sniff } from '../media/sniff.ts'
import type { Lane } from './admission.ts'
import { type Coalescer, createCoalescer, type Lease } from './coalescer.ts'
import { takeHead } from './take-head.ts'

/** A source in memory, known by its content. */
export interface Source {
  readonly key: string
  readonly info: ObjectInfo
  /** Undefined where the content is no accepted media. */
  readonly kind: MediaKind | undefined
  /** The whole object; only its head for what is not decoded from memory (video, audio, unknown). */
  readonly bytes: Uint8Array
  /** The object by parts, for what is not decoded from memory; it can be read until the lease is released. */
  readonly parts: MediaBytes
}

export interface SourceReader {
  /**
   * Opens the first of the keys that exists, reads and sniffs it. Renditions of one object that are in flight
   * together share one read, which stays in memory until the last lease is released. Fails with `not-found`,
   * `source-too-large` or a store's failure.
   */
  open(keys: readonly string[]): Lease<Source | Failure>
  /** Finds the first of the keys that exists without reading it. */
  locate(keys: readonly string[], signal: AbortSignal): Promise<LocatedSource | Failure>
}

export interface LocatedSource {
  readonly key: string
  readonly info: ObjectInfo
}

export interface SourceReaderOptions {
  readonly store: ObjectStore
  readonly bucket: string
  readonly limits: MediaLimits
  /** Bounds how many sources are read at the same time. */
  readonly lane: Lane
}

export function createSourceReader({ store, bucket, limits, lane }: SourceReaderOptions): SourceReader {
  const reads: Coalescer<Source | Failure> = createCoalescer()
  return {
    open(keys) {
      return reads.join(keys.join('\n'), (signal) =>
        lane.run(signal, () => readFirst(store, bucket, keys, limits, signal)),
      )
    },
    async locate(keys, signal) {
      for (const key of keys) {
        const info = await store.head(bucket, key, signal)
        if (!isFailure(info)) return { key, info }
        if (info.failure !== 'not-found') return info
      }
      return fail('not-found')
    },
  }
}

async function readFirst(
  store: ObjectStore,
  bucket: string,
  keys: readonly string[],
  limits: MediaLimits,
  signal: AbortSignal,
): Promise<Source | Failure> {
  for (const key of keys) {
    const object = await store.get(bucket, key, { signal })
    if (!isFailure(object)) {
      const partsBehind = (head: Uint8Array) =>
        objectBytes({ store, bucket, key, info: object.info, head, signal })
      return readObject(key, object, partsBehind, limits)
    }
    if (object.failure !== 'not-found') return object
  }
  return fail('not-found')
}

/** From this size on the head is judged before the rest is fetched. */
const JUDGED_EARLY_BYTES = 1024 * 1024

/** Sniffs the head before the rest is read: half a gigabyte of something else is never brought into memory. */
async function readObject(
  key: string,
  object: StoredObject,
  partsBehind: (head: Uint8Array) => MediaBytes,
  limits: MediaLimits,
): Promise<Source | Failure> {
  const { info, body } = object
  const { head, rest } = await takeHead(body, SNIFF_BYTES)
  const kind = await sniff(head, key)
  if (kind?.kind !== 'image') {
    await rest.cancel()
    return { key, info, kind, bytes: head, parts: partsBehind(head) }
  }
  if (info.sizeBytes > limits.sourceBytes) {
    await rest.cancel()
    return fail('source-too-large', `${info.sizeBytes} bytes`)
  }
  if (info.sizeBytes > JUDGED_EARLY_BYTES) {
    const facts = await inspectImage(head, kind.format, { limits, animated: false })
    // A head alone may well be undecodable; what it declares is final.
    if (isFailure(facts) && facts.failure === 'too-large-dimensions') {
      await rest.cancel()
      return facts
    }
  }
  const bytes = await readAll(rest, info.sizeBytes)
  return isFailure(bytes) ? bytes : { key, info, kind, bytes, parts: partsBehind(bytes) }
}
