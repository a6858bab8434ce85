/** The source of a job inside the process: either all of it in memory, or read by ranges. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { MediaKind } from '../../../media/kinds.ts'
import type { SharedPixels } from '../image/pixel-cache.ts'

export interface MediaSource {
  readonly kind: MediaKind | undefined
  readonly sizeBytes: number
  /** The decoded pixels that jobs on the same source share, where available. */
  readonly kept?: SharedPixels
  /** Whether every read is a request to the server. */
  readonly isRanged: boolean
  /** Returns the bytes from `start` (inclusive) to `end` (exclusive); both have to lie inside the source. */
  read(start: number, end: number): Uint8Array | Failure
  /** Returns all bytes. Fails with `source-too-large` beyond `maxBytes`. */
  whole(maxBytes: number): Uint8Array | Failure
}

/** Creates a source whose bytes are in memory. */
export function memorySource(
  bytes: Uint8Array,
  kind: MediaKind | undefined,
  kept?: SharedPixels,
): MediaSource {
  return {
    kind,
    ...(kept === undefined ? {} : { kept }),
    isRanged: false,
    sizeBytes: bytes.length,
    read: (start, end) => bytes.subarray(start, end),
    whole: (maxBytes) =>
      bytes.length > maxBytes ? fail('source-too-large', `${bytes.length} bytes`) : bytes,
  }
}

/** How a source that is not in the memory of the process is read. */
export interface SourceReads {
  readRange(start: number, end: number): Uint8Array | Failure
  /** Returns all bytes. It is called once. */
  readAll(): Uint8Array | Failure
  readonly kept: SharedPixels
}

/** Creates a source that is read by ranges. */
export function rangedSource(
  sizeBytes: number,
  kind: MediaKind | undefined,
  { readRange, readAll, kept }: SourceReads,
): MediaSource {
  let all: Uint8Array | undefined
  return {
    kind,
    kept,
    isRanged: true,
    sizeBytes,
    read: readRange,
    whole(maxBytes) {
      if (sizeBytes > maxBytes) return fail('source-too-large', `${sizeBytes} bytes`)
      const bytes = all ?? readAll()
      if (!isFailure(bytes)) all = bytes
      return bytes
    },
  }
}
