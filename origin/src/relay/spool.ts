/** Spools upload bodies of unknown length to temporary files, because a store needs the length in advance. */

import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import type { BufferCollector } from '../streams/buffer-collector.ts'
import { makeTemporaryFolder, writeFailure } from '../streams/temporary-folder.ts'

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
      const folder = await makeTemporaryFolder('upload')
      if (isFailure(folder)) return folder
      const path = join(folder.path, 'body')
      let sizeBytes = 0
      const release = async () => {
        usedBytes -= sizeBytes
        await folder.remove()
      }
      const counted = new Transform({
        transform(chunk: Uint8Array, _, done) {
          if (usedBytes + chunk.length > maxBytes) {
            done(new BodyError(fail('overloaded', 'the spool is full', RETRY_AFTER)))
            return
          }
          usedBytes += chunk.length
          sizeBytes += chunk.length
          done(null, chunk)
        },
      })
      try {
        // The stream types of Node and of the platform differ only in their names.
        await pipeline(Readable.fromWeb(body as never), counted, createWriteStream(path, { mode: 0o600 }))
      } catch (error) {
        await release()
        if (error instanceof BodyError) return error.failure
        const failure = writeFailure(error)
        if (failure === undefined) throw error
        return failure
      }
      return {
        sizeBytes,
        open: () => ReadableStream.from(readFile(path)),
        remove: release,
      }
    },
  }
}
