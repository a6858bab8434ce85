/** Bodies whose length nobody tells: small pictures are held in memory, all else in a temporary file. */

import { createHash } from 'node:crypto'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { MediaKind } from '../../media/kinds.ts'
import type { SourceLimits } from '../../media/limits.ts'
import { type GrowingMemory, readGrowing } from './growing.ts'
import { memoryRanges } from './memory-ranges.ts'
import type { RangeSource } from './ranges.ts'
import { giveBackWith, WHOLE_BYTES } from './source.ts'
import { spool } from './spool.ts'

export interface UnsizedOptions {
  readonly limits: SourceLimits
  readonly memory: GrowingMemory
  /** Fires when what was read is no longer needed. */
  readonly signal: AbortSignal
}

export interface UnsizedBody {
  /** All of it where it is a small picture, else the head that was given. */
  readonly bytes: Uint8Array
  readonly parts: RangeSource
  /** A hash of all of it, quoted: what its bytes are tells more than what its server says of them. */
  readonly etag: string
}

/** Reads a body to its end. Fails with `overloaded`, `source-too-large`, or as the body does. */
export async function readUnsized(
  kind: MediaKind,
  head: Uint8Array,
  body: ReadableStream<Uint8Array>,
  { limits, memory, signal }: UnsizedOptions,
): Promise<UnsizedBody | Failure> {
  let rest = body
  if (kind.kind === 'image') {
    const read = await readGrowing(body, { maxBytes: WHOLE_BYTES, memory, signal })
    if (isFailure(read)) return read
    if (read.complete) {
      giveBackWith(signal, read.bytes)
      const etag = `"${createHash('sha256').update(read.bytes).digest('hex')}"`
      return { bytes: read.bytes, parts: memoryRanges(read.bytes), etag }
    }
    rest = read.body
  }
  const maxBytes = limits.temporaryFileBytes
  const spooled = await spool({ body: rest, sizeBytes: undefined, maxBytes, signal })
  return isFailure(spooled) ? spooled : { bytes: head, parts: spooled.parts, etag: `"${spooled.sha256}"` }
}
