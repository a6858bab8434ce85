/**
 * Reads bodies of unknown length. Memory is acquired while
 * they grow, and they are rejected when there is not enough.
 */

import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { Lane } from '../../concurrency/lane.ts'
import { resumed } from '../../streams/peek.ts'
import { releaseWith } from './source.ts'

export interface GrowingOptions {
  /** A longer body is not kept but returned as a stream. */
  readonly maxBytes: number
  readonly memory: GrowingMemory
  /** Fires when the bytes are no longer needed. */
  readonly signal: AbortSignal
}

/** Bounds the bytes of sources in memory. Acquiring never waits. */
export type GrowingMemory = Pick<Lane, 'tryAcquire'>

export type GrowingBody =
  | { readonly complete: true; readonly bytes: Uint8Array }
  /** The complete body, including its start. */
  | { readonly complete: false; readonly body: ReadableStream<Uint8Array> }

/** Memory is acquired in steps of this size. */
const STEP_BYTES = 1024 * 1024
const RETRY_AFTER = { 'retry-after': '1' }

/**
 * Reads a body into memory. Fails with `overloaded` when there is no memory for the next part of it. It does
 * not wait, because bodies that each hold a part of the memory could wait for each other forever.
 */
export async function readGrowing(
  body: ReadableStream<Uint8Array>,
  { maxBytes, memory, signal }: GrowingOptions,
): Promise<GrowingBody | Failure> {
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  let charged = 0
  for (;;) {
    const { value } = await reader.read()
    if (value === undefined) return { complete: true, bytes: joined(chunks) }
    chunks.push(value)
    length += value.length
    if (length > maxBytes) {
      reader.releaseLock()
      return { complete: false, body: resumed(chunks, body) }
    }
    while (charged < length) {
      const slot = memory.tryAcquire(STEP_BYTES)
      if (slot === undefined) {
        await discardBody(reader)
        return fail('overloaded', 'no memory for more of a source without a length', RETRY_AFTER)
      }
      releaseWith(signal, slot)
      charged += STEP_BYTES
    }
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
}
