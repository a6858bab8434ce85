/** An opened source, wherever it comes from. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Lane } from '../../concurrency/lane.ts'
import { allFinished } from '../../concurrency/single-flight.ts'
import type { MediaKind } from '../../media/kinds.ts'
import { freeBuffer } from '../../streams/free-buffer.ts'
import type { RangeSource } from './ranges.ts'

/** An opened source whose type is detected. */
export interface Source {
  /** The object key, or the external URL. */
  readonly key: string
  readonly info: SourceInfo
  /** Undefined when the content is not an accepted medium. */
  readonly kind: MediaKind | undefined
  /** The whole object for an image of at most `WHOLE_BYTES`, otherwise only its head. */
  readonly bytes: Uint8Array
  /** The object by ranges. It can be read until the handle is released. */
  readonly parts: RangeSource
  /** Whether parts are fetched from an external server, which may be slow. */
  readonly readsExternally?: boolean
}

/** The identity of a source. */
export interface SourceInfo {
  /** Changes whenever the bytes change. */
  readonly etag: string
  readonly lastModified: Date | undefined
  /**
   * How long the server of the source allows it to be cached, in
   * seconds. Undefined when that does not limit the response.
   */
  readonly lifetimeSeconds?: number | undefined
}

/**
 * The largest image that is held in memory, shared by all
 * its renditions, in bytes. Larger ones are read by ranges.
 */
export const WHOLE_BYTES = 16 * 1024 * 1024

/** Whether all bytes of a source are in memory. */
export function isWhole({ bytes, parts }: Pick<Source, 'bytes' | 'parts'>): boolean {
  return bytes.length === parts.sizeBytes
}

/** Waits for the memory of a source and holds it while the source is open. Returns the failure, if any. */
export async function reserveMemory(
  bytes: number,
  memory: Lane,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const slot = await memory.acquire(signal, { weightBytes: bytes })
  if (isFailure(slot)) return slot
  releaseWith(signal, slot)
  return undefined
}

/**
 * Frees the memory of a source as soon as all its users have finished. When this was left to V8, it took a
 * quarter of the server's own time for photographs.
 */
export function freeWith(signal: AbortSignal, bytes: Uint8Array): void {
  const onAbort = () => {
    if (allFinished(signal)) freeBuffer(bytes)
  }
  signal.addEventListener('abort', onAbort, { once: true })
}

/**
 * Releases a slot of a lane when the source is closed: the signal of an open source fires when the last
 * handle is released.
 */
export function releaseWith(signal: AbortSignal, slot: { release(): void }): void {
  if (signal.aborted) slot.release()
  else signal.addEventListener('abort', () => slot.release(), { once: true })
}
