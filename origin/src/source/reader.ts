import { createHash } from 'node:crypto'
import { discardBody } from '@media-proxy/shared/discard-body.ts'
import type { SourceName } from '@media-proxy/shared/request/purge.ts'
import { strongEtag } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, failWithHint, isFailure } from '@media-proxy/shared/response/failure.ts'
import {
  type ObjectInfo,
  type ObjectStore,
  type StoredObject,
  validatorOf,
} from '@media-proxy/shared/store/store.ts'
import type { Lane } from '../concurrency/lane.ts'
import { createSingleFlight, type Handle, type SingleFlight } from '../concurrency/single-flight.ts'
import type { SourceLimits } from '../media/limits.ts'
import { SNIFF_BYTES, sniff } from '../media/sniff.ts'
import { peek } from '../streams/peek.ts'
import { readAll } from '../streams/read-all.ts'
import type { GrowingMemory } from './bytes/growing.ts'
import { memoryRanges } from './bytes/memory-ranges.ts'
import { objectRanges } from './bytes/object-ranges.ts'
import type { RangeSource } from './bytes/ranges.ts'
import { freeWith, reserveMemory, type Source, type SourceInfo, WHOLE_BYTES } from './bytes/source.ts'
import { readUnsized } from './bytes/unsized.ts'
import type { ExternalFetch } from './external/fetch.ts'
import { readExternalSource } from './external/source.ts'

/** The location of a source: the first of several keys that exists, or an external URL. */
export type SourceLocation = { readonly keys: readonly string[] } | { readonly url: string }

export interface SourceReader {
  /**
   * Opens a source: reads and sniffs it. Concurrent calls for the same location, that is with the same keys in
   * the same order, share one read. The bytes stay in memory until the last handle is released. Fails with
   * `not-found`, `source-too-large`, or a failure of the store or of the external fetch.
   */
  open(location: SourceLocation): Handle<Source | Failure>
  /**
   * Detaches the reads in progress of these sources, because they may return the bytes from before a purge.
   * Later calls start a new read.
   */
  forget(names: ReadonlySet<SourceName>): void
  /**
   * Finds a stored source without reading it. Undefined when the source has to be read to be identified, as
   * for external ones.
   */
  locate(location: SourceLocation, signal: AbortSignal): Promise<LocatedSource | Failure | undefined>
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
  /** Bounds the bytes of external sources among them. */
  readonly externalMemory: GrowingMemory
  /** Whether external media are read as a whole, and only once. */
  readonly readsWhole: boolean
  readonly lanes: ReadLanes
}

/**
 * Bound the number of concurrent reads. They are separate, so that slow external servers do not delay reads
 * of stored objects.
 */
export interface ReadLanes {
  readonly stored: Lane
  readonly external: Lane
}

/** Returns the lane in which a source is read. */
export function readLaneOf(location: SourceLocation, { stored, external }: ReadLanes): Lane {
  return 'url' in location ? external : stored
}

export function createSourceReader(options: SourceReaderOptions): SourceReader {
  const { store, bucket, external, limits, externalMemory, readsWhole, lanes } = options
  const reads: SingleFlight<Source | Failure> = createSingleFlight()
  return {
    open(location) {
      const name = 'url' in location ? `external//${location.url}` : location.keys.join('\n')
      return reads.join(name, (signal) =>
        readLaneOf(location, lanes).run(signal, () =>
          'url' in location
            ? readExternalSource(
                { external, limits, memory: externalMemory, readsWhole },
                location.url,
                signal,
              )
            : readFirst(options, location.keys, signal),
        ),
      )
    },
    forget: (names) => reads.forget((key) => key.split('\n').some((name) => names.has(name))),
    async locate(location, signal) {
      if ('url' in location) return undefined
      for (const key of location.keys) {
        const info = await store.head(bucket, key, signal)
        if (!isFailure(info)) {
          const etag = validatorOf(info)
          return etag === undefined ? undefined : { key, info: { etag, lastModified: info.lastModified } }
        }
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
      const partsBehind = (info: SizedInfo, head: Uint8Array) =>
        objectRanges({ store, bucket, key, info, head, signal })
      return readObject(key, object, partsBehind, { limits, memory, signal })
    }
    if (object.code !== 'not-found') return object
  }
  return fail('not-found')
}

/**
 * Creates a source from bytes that were sent with the request. It is identified by its content and never
 * shared between requests.
 */
export async function sourceFromBytes(bytes: Uint8Array, fileName: string | undefined): Promise<Source> {
  const kind = await sniff(bytes, fileName)
  const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
  const info = { etag, lastModified: undefined }
  return { key: '', info, kind, bytes, parts: memoryRanges(bytes) }
}

interface ReadOptions extends Pick<SourceReaderOptions, 'limits' | 'memory'> {
  readonly signal: AbortSignal
}

type SizedInfo = ObjectInfo & { readonly sizeBytes: number }

/**
 * Sniffs the head before the rest is read. Everything but
 * images of at most `WHOLE_BYTES` is read by ranges later.
 */
async function readObject(
  key: string,
  { info: { sizeBytes, ...details }, body }: StoredObject,
  partsBehind: (info: SizedInfo, head: Uint8Array) => RangeSource,
  options: ReadOptions,
): Promise<Source | Failure> {
  const { limits, memory: lane, signal } = options
  const { lastModified } = details
  const { head, rest } = await peek(body, SNIFF_BYTES)
  const kind = await sniff(head, key)
  const etag = validatorOf({ ...details, ...(sizeBytes === undefined ? {} : { sizeBytes }) })
  if (kind === undefined) {
    await discardBody(rest)
    // Nothing more is read of content that is not media.
    const info = { etag: etag ?? (await strongEtag(key)), lastModified }
    return { key, info, kind, bytes: head, parts: memoryRanges(head) }
  }
  // Ranges of an object can be combined only when a validator
  // shows that all of them belong to the same version.
  if (sizeBytes === undefined || etag === undefined) {
    const read = await readUnsized(kind, { head, rest }, options)
    if (isFailure(read)) return read
    return {
      key,
      info: { etag: etag ?? read.etag, lastModified },
      kind,
      bytes: read.bytes,
      parts: read.parts,
    }
  }
  const info = { etag, lastModified }
  const sized = { ...details, sizeBytes }
  const isImage = kind.kind === 'image'
  const rejected =
    isImage && sizeBytes > limits.sourceBytes
      ? failWithHint('source-too-large', `${sizeBytes} bytes, at most ${limits.sourceBytes}`)
      : undefined
  if (rejected !== undefined || !isImage || sizeBytes > WHOLE_BYTES) {
    await discardBody(rest)
    return rejected ?? { key, info, kind, bytes: head, parts: partsBehind(sized, head) }
  }
  const memory = await reserveMemory(sizeBytes, lane, signal)
  if (memory !== undefined) {
    await discardBody(rest)
    return memory
  }
  const bytes = await readAll(rest, sizeBytes, head)
  if (isFailure(bytes)) return bytes
  freeWith(signal, bytes)
  return { key, info, kind, bytes, parts: partsBehind(sized, bytes) }
}
