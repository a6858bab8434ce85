/** Reads bodies of unknown length: small images into memory, everything else into a temporary file. */

import { createHash } from 'node:crypto'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { MediaKind } from '../../media/kinds.ts'
import type { SourceLimits } from '../../media/limits.ts'
import { type HeadAndRest, resumed } from '../../streams/peek.ts'
import { type GrowingMemory, readGrowing } from './growing.ts'
import { memoryRanges } from './memory-ranges.ts'
import type { RangeSource } from './ranges.ts'
import { freeWith, WHOLE_BYTES } from './source.ts'
import { spool } from './spool.ts'

export interface UnsizedOptions {
  readonly limits: SourceLimits
  readonly memory: GrowingMemory
  /** Fires when the bytes are no longer needed. */
  readonly signal: AbortSignal
}

export interface UnsizedBody {
  /** The whole body for a small image, otherwise the given head. */
  readonly bytes: Uint8Array
  readonly parts: RangeSource
  /**
   * A quoted hash of the whole body. It identifies the bytes more reliably than the validators of the server.
   */
  readonly etag: string
}

/** Reads a body to its end. Fails with `overloaded`, `source-too-large`, or the failure of the body. */
export async function readUnsized(
  kind: MediaKind,
  { head, rest }: HeadAndRest,
  { limits, memory, signal }: UnsizedOptions,
): Promise<UnsizedBody | Failure> {
  let body = resumed([head], rest)
  if (kind.kind === 'image') {
    const read = await readGrowing(body, { maxBytes: WHOLE_BYTES, memory, signal })
    if (isFailure(read)) return read
    if (read.complete) {
      freeWith(signal, read.bytes)
      const etag = `"${createHash('sha256').update(read.bytes).digest('hex')}"`
      return { bytes: read.bytes, parts: memoryRanges(read.bytes), etag }
    }
    body = read.body
  }
  const maxBytes = limits.temporaryFileBytes
  const spooled = await spool({ body, sizeBytes: undefined, maxBytes, signal })
  return isFailure(spooled) ? spooled : { bytes: head, parts: spooled.parts, etag: `"${spooled.sha256}"` }
}
