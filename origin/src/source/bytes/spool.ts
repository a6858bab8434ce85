import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import { abortFailure } from '../../concurrency/wait.ts'
import { makeTemporaryFolder, writeFailure } from '../../streams/temporary-folder.ts'
import { createRangeSource, type RangeSource } from './ranges.ts'

export interface SpoolOptions {
  readonly body: ReadableStream<Uint8Array>
  /** Undefined when the upstream does not declare it. */
  readonly sizeBytes: number | undefined
  readonly maxBytes: number
  /** The file is removed as soon as this fires. */
  readonly signal: AbortSignal
}

export interface Spooled {
  readonly parts: RangeSource
  /** The hash of all bytes, in lower-case hex. */
  readonly sha256: string
}

/**
 * Writes a body to a temporary file, to be read by ranges, for external
 * servers that do not support ranges. Fails with `source-too-large`, with
 * `overloaded` when there is no space left, or with the failure of the body.
 */
export async function spool({ body, sizeBytes, maxBytes, signal }: SpoolOptions): Promise<Spooled | Failure> {
  if (sizeBytes !== undefined && sizeBytes > maxBytes) {
    await body.cancel()
    return fail('source-too-large', `${sizeBytes} bytes for a temporary file`)
  }
  const folder = await makeTemporaryFolder('spool')
  if (isFailure(folder)) {
    await body.cancel()
    return folder
  }
  const path = join(folder.path, 'source')
  let length = 0
  const hash = createHash('sha256')
  const bounded = new Transform({
    transform(chunk: Uint8Array, _, done) {
      length += chunk.length
      hash.update(chunk)
      if (length > maxBytes) done(new BodyError(fail('source-too-large', `more than ${maxBytes} bytes`)))
      else done(null, chunk)
    },
  })
  try {
    // The stream types of Node and of the platform differ only in their names.
    await pipeline(Readable.fromWeb(body as never), bounded, createWriteStream(path, { mode: 0o600 }), {
      signal,
    })
  } catch (error) {
    await folder.remove()
    if (signal.aborted) return abortFailure(signal)
    if (error instanceof BodyError) return error.failure
    const failure = writeFailure(error)
    if (failure === undefined) throw error
    return failure
  }
  // Nothing waits for the removal, because no reader is left.
  signal.addEventListener('abort', () => void folder.remove(), { once: true })
  const parts = createRangeSource({
    sizeBytes: length,
    async fetchPart(start, end) {
      const file = await open(path, 'r')
      try {
        const part = new Uint8Array(end - start)
        await file.read(part, 0, part.length, start)
        return part
      } finally {
        await file.close()
      }
    },
    fetchAll: async () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>,
  })
  return { parts, sha256: hash.digest('hex') }
}
