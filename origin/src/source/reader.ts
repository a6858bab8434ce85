import { createHash } from 'node:crypto'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ObjectStore, StoredObject } from '@media-proxy/shared/store/store.ts'
import type { Lane } from '../concurrency/lane.ts'
import { type Coalescer, createCoalescer, type Handle } from '../concurrency/single-flight.ts'
import type { SourceLimits } from '../media/limits.ts'
import { SNIFF_BYTES, sniff } from '../media/sniff.ts'
import { peek } from '../streams/peek.ts'
import { readAll } from '../streams/read-all.ts'
import { memoryRanges } from './bytes/memory-ranges.ts'
import { objectRanges } from './bytes/object-ranges.ts'
import type { RangeSource } from './bytes/ranges.ts'
import { hold, type Source, type SourceInfo, WHOLE_BYTES } from './bytes/source.ts'
import type { ExternalFetch } from './external/fetch.ts'
import { readExternalSource } from './external/source.ts'

/** Where a source is: the first of some keys that exists, or an external URL. */
export type SourcePlace = { readonly keys: readonly string[] } | { readonly url: string }

export interface SourceReader {
  /**
   * Opens a source, reads and sniffs it. Renditions of one object that are in flight
   * together share one read, which stays in memory until the last handle is released. Fails with `not-found`,
   * `source-too-large`, a store's failure or that of an external fetch.
   */
  open(place: SourcePlace): Handle<Source | Failure>
  /** Finds a stored source without reading it; undefined for an external one, which only its bytes tell. */
  locate(place: SourcePlace, signal: AbortSignal): Promise<LocatedSource | Failure | undefined>
}

export interface LocatedSource {
  readonly key: string
  readonly info: SourceInfo
}

export interface SourceReaderOptions {
  readonly store: ObjectStore
  readonly bucket: string
  readonly external: ExternalFetch
  readonly limits: SourceLimits
  /** Bounds the bytes of sources in memory. */
  readonly memory: Lane
  /** Bounds how many sources are read at the same time. */
  readonly lane: Lane
}

export function createSourceReader(options: SourceReaderOptions): SourceReader {
  const { store, bucket, external, limits, memory, lane } = options
  const reads: Coalescer<Source | Failure> = createCoalescer()
  return {
    open(place) {
      const name = 'url' in place ? `external//${place.url}` : place.keys.join('\n')
      return reads.join(name, (signal) =>
        lane.run(signal, () =>
          'url' in place
            ? readExternalSource({ external, limits, memory }, place.url, signal)
            : readFirst(options, place.keys, signal),
        ),
      )
    },
    async locate(place, signal) {
      if ('url' in place) return undefined
      for (const key of place.keys) {
        const info = await store.head(bucket, key, signal)
        if (!isFailure(info)) return { key, info }
        if (info.code !== 'not-found') return info
      }
      return fail('not-found')
    },
  }
}

async function readFirst(
  { store, bucket, limits, memory }: SourceReaderOptions,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Source | Failure> {
  for (const key of keys) {
    const object = await store.get(bucket, key, { signal })
    if (!isFailure(object)) {
      const partsBehind = (head: Uint8Array) =>
        objectRanges({ store, bucket, key, info: object.info, head, signal })
      return readObject(key, object, partsBehind, { limits, memory, signal })
    }
    if (object.code !== 'not-found') return object
  }
  return fail('not-found')
}

/** A source that came with its request. Its name is its content: no two of them are one. */
export async function sourceFromBytes(bytes: Uint8Array, fileName: string | undefined): Promise<Source> {
  const kind = await sniff(bytes, fileName)
  const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
  const info = { sizeBytes: bytes.length, etag, lastModified: undefined }
  return { key: '', info, kind, bytes, parts: memoryRanges(bytes) }
}

interface ReadOptions extends Pick<SourceReaderOptions, 'limits' | 'memory'> {
  readonly signal: AbortSignal
}

/** Sniffs the head before the rest is read: of what is no picture, and of large ones, ranges are read later. */
async function readObject(
  key: string,
  object: StoredObject,
  partsBehind: (head: Uint8Array) => RangeSource,
  { limits, memory: lane, signal }: ReadOptions,
): Promise<Source | Failure> {
  const { info, body } = object
  const { head, rest } = await peek(body, SNIFF_BYTES)
  const kind = await sniff(head, key)
  const rejected =
    kind?.kind === 'image' && info.sizeBytes > limits.sourceBytes
      ? fail('source-too-large', `${info.sizeBytes} bytes`)
      : undefined
  if (rejected !== undefined || kind?.kind !== 'image' || info.sizeBytes > WHOLE_BYTES) {
    await rest.cancel()
    return rejected ?? { key, info, kind, bytes: head, parts: partsBehind(head) }
  }
  const memory = await hold(info.sizeBytes, lane, signal)
  if (memory !== undefined) {
    await rest.cancel()
    return memory
  }
  const bytes = await readAll(rest, info.sizeBytes)
  return isFailure(bytes) ? bytes : { key, info, kind, bytes, parts: partsBehind(bytes) }
}
