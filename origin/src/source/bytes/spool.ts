import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { abortFailure } from '../../concurrency/wait.ts'
import { writeTemporary } from '../../streams/write-temporary.ts'
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
    await discardBody(body)
    return fail('source-too-large', `${sizeBytes} bytes for a temporary file`)
  }
  let length = 0
  const hash = createHash('sha256')
  const file = await writeTemporary(body, {
    purpose: 'spool',
    onChunk(chunk) {
      length += chunk.length
      hash.update(chunk)
      return length > maxBytes ? fail('source-too-large', `more than ${maxBytes} bytes`) : undefined
    },
    signal,
  })
  if (isFailure(file)) return file
  if (signal.aborted) {
    await file.remove()
    return abortFailure(signal)
  }
  // Nothing waits for the removal, because no reader is left.
  signal.addEventListener('abort', () => void file.remove(), { once: true })
  const parts = createRangeSource({
    sizeBytes: length,
    async fetchPart(start, end) {
      const opened = await open(file.path, 'r')
      try {
        const part = new Uint8Array(end - start)
        const { bytesRead } = await opened.read(part, 0, part.length, start)
        return bytesRead === part.length
          ? part
          : fail('defect', `${bytesRead} of ${part.length} bytes of a temporary file`)
      } finally {
        await opened.close()
      }
    },
    fetchAll: async () => Readable.toWeb(createReadStream(file.path)) as ReadableStream<Uint8Array>,
  })
  return { parts, sha256: hash.digest('hex') }
}
