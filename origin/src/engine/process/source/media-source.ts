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

/** Creates a source that is read by ranges. */
export function rangedSource(
  sizeBytes: number,
  kind: MediaKind | undefined,
  readRange: (start: number, end: number) => Uint8Array | Failure,
): MediaSource {
  return {
    kind,
    isRanged: true,
    sizeBytes,
    read: readRange,
    whole(maxBytes) {
      if (sizeBytes > maxBytes) return fail('source-too-large', `${sizeBytes} bytes`)
      const whole = Buffer.allocUnsafeSlow(sizeBytes)
      for (const part of parts(sizeBytes, readRange)) {
        if (isFailure(part)) return part
        whole.set(part.bytes, part.start)
      }
      return whole
    },
  }
}

const PART_BYTES = 1024 * 1024

export interface Part {
  readonly start: number
  readonly bytes: Uint8Array
}

/** Reads a source in parts from its start to its end. Ends after the first failure. */
export function* parts(
  sizeBytes: number,
  readRange: (start: number, end: number) => Uint8Array | Failure,
): Generator<Part | Failure> {
  for (let start = 0; start < sizeBytes; start += PART_BYTES) {
    const bytes = readRange(start, Math.min(sizeBytes, start + PART_BYTES))
    if (isFailure(bytes)) {
      yield bytes
      return
    }
    yield { start, bytes }
  }
}
