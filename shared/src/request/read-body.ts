/** Reads complete request bodies into memory. */

import { joinChunks } from '../join-chunks.ts'
import { type Failure, fail } from '../response/failure.ts'

/** Reads a body. Stops and fails with `source-too-large` when it has more than `maxBytes` bytes. */
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
