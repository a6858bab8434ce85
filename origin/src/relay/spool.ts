/** Spools upload bodies of unknown length to temporary files, because a store needs the length in advance. */

import { createReadStream } from 'node:fs'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { BufferCollector } from '../streams/buffer-collector.ts'
import { writeTemporary } from '../streams/write-temporary.ts'

export interface SpooledUpload {
  readonly sizeBytes: number
  open(): ReadableStream<Uint8Array>
  remove(): Promise<void>
}

export interface Spool {
  /**
   * Writes a body to a file. Fails with `overloaded` when the spooled bodies together exceed the limit, or
   * with the failure of the body.
   */
  keep(body: ReadableStream<Uint8Array>): Promise<SpooledUpload | Failure>
}

const RETRY_AFTER = { 'retry-after': '10' }

/** Creates a spool. `maxBytes` limits all bodies together. */
export function createSpool(maxBytes: number, collector: BufferCollector): Spool {
  let usedBytes = 0

  async function* readFile(path: string): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(path)) {
      collector(chunk.length)
      yield chunk
    }
  }

  return {
    async keep(body) {
      let sizeBytes = 0
      const file = await writeTemporary(body, {
        purpose: 'upload',
        onChunk({ length }) {
          if (usedBytes + length > maxBytes) return fail('overloaded', 'the spool is full', RETRY_AFTER)
          usedBytes += length
          sizeBytes += length
          return undefined
        },
      })
      if (isFailure(file)) {
        usedBytes -= sizeBytes
        return file
      }
      return {
        sizeBytes,
        open: () => ReadableStream.from(readFile(file.path)),
        remove() {
          usedBytes -= sizeBytes
          return file.remove()
        },
      }
    },
  }
}
