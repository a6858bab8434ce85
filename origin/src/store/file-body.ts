/** The body of a large file, read piece by piece. */

import { closeSync, read as readCallback } from 'node:fs'
import { promisify } from 'node:util'

const readInto = promisify(readCallback)

/** The first chunk, and each further one unless the reader wants larger ones. */
const CHUNK_BYTES = 64 * 1024

export interface FileBodyOptions {
  readonly start: number
  /** The offset after the last byte. */
  readonly end: number
  /** The size of each chunk but the first one. Default: 64 KiB. */
  readonly chunkBytes: number | undefined
  /** Runs after the last read. The body errors with what it throws. */
  readonly onLastRead: () => void
  /** Aborts the body. */
  readonly signal: AbortSignal | undefined
}

/**
 * Streams a part of a file. The body closes the descriptor when it ends, errors, or is cancelled or aborted,
 * even if nothing reads it any more. It is shorter than the part when the file ends earlier.
 */
export function fileBody(
  descriptor: number,
  { start, end, chunkBytes = CHUNK_BYTES, onLastRead, signal }: FileBodyOptions,
): ReadableStream<Uint8Array> {
  let position = start
  let nextBytes = CHUNK_BYTES
  let isReading = false
  let isOver = false

  function finish(): void {
    if (isOver) return
    isOver = true
    signal?.removeEventListener('abort', onAbort)
    // A read in progress still uses the descriptor, whose number another file could get.
    if (!isReading) closeSync(descriptor)
  }

  /** Returns the next chunk, which is empty at the end of the file. */
  async function readChunk(): Promise<Uint8Array> {
    const chunk = Buffer.allocUnsafeSlow(Math.min(nextBytes, end - position))
    nextBytes = chunkBytes
    isReading = true
    try {
      const { bytesRead } = await readInto(descriptor, chunk, 0, chunk.length, position)
      position = bytesRead === 0 ? end : position + bytesRead
      if (position >= end && !isOver) onLastRead()
      return chunk.subarray(0, bytesRead)
    } finally {
      isReading = false
      if (isOver) closeSync(descriptor)
    }
  }

  let onAbort: () => void
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        onAbort = () => {
          finish()
          controller.error(signal?.reason)
        }
        if (signal?.aborted) onAbort()
        else signal?.addEventListener('abort', onAbort, { once: true })
      },
      async pull(controller) {
        try {
          const chunk = await readChunk()
          if (isOver) return
          if (chunk.length > 0) controller.enqueue(chunk)
          if (position < end) return
          finish()
          controller.close()
        } catch (error) {
          finish()
          throw error
        }
      },
      cancel: finish,
    },
    { highWaterMark: 0 },
  )
}
