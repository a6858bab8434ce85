/** Bodies of requests, held whole. */

import { type Failure, fail } from '../response/failure.ts'

/** Reads a body up to a limit in bytes. Beyond it, reads no further and fails with `source-too-large`. */
export async function readBody(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | Failure> {
  const held: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > maxBytes) return fail('source-too-large', `more than ${maxBytes} bytes of body`)
    held.push(chunk)
  }
  return joinChunks(held, length)
}

/** Chunks of `length` bytes together, as one. */
export function joinChunks(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
