/** The body of a large file, read piece by piece. */

import { closeSync, read as readCallback } from 'node:fs'
import { promisify } from 'node:util'
import { byobRequestOf } from '../streams/byob-request.ts'

const readInto = promisify(readCallback)

/** The size of each chunk, unless the reader provides memory of another size. */
const CHUNK_BYTES = 64 * 1024

export interface FileBodyOptions {
  readonly start: number
  /** The offset after the last byte. */
  readonly end: number
  /** Runs after the last read. The body errors with what it throws. */
  readonly onLastRead: () => void
  /** Aborts the body. */
  readonly signal: AbortSignal | undefined
}

/**
 * Streams a part of a file. The body closes the descriptor when it ends, errors, or is cancelled or aborted,
 * even if nothing reads it any more. It is shorter than the part when the file ends earlier. A reader may
 * provide the memory ("BYOB"), which is then filled by a thread.
 */
export function fileBody(
  descriptor: number,
  { start, end, onLastRead, signal }: FileBodyOptions,
): ReadableStream<Uint8Array> {
  let position = start
  let isReading = false
  let isOver = false

  function finish(): void {
    if (isOver) return
    isOver = true
    signal?.removeEventListener('abort', onAbort)
    // A read in progress still uses the descriptor, whose number another file could get.
    if (!isReading) closeSync(descriptor)
  }

  /** Reads the next bytes and returns their number, which is 0 at the end of the file. */
  async function readNext(memory: Uint8Array): Promise<number> {
    isReading = true
    try {
      const length = Math.min(memory.byteLength, end - position)
      const { bytesRead } = await readInto(descriptor, memory, 0, length, position)
      position = bytesRead === 0 ? end : position + bytesRead
      if (position >= end && !isOver) onLastRead()
      return bytesRead
    } finally {
      isReading = false
      if (isOver) closeSync(descriptor)
    }
  }

  let onAbort: () => void
  return new ReadableStream(
    {
      type: 'bytes',
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
          const request = byobRequestOf(controller)
          const memory = request?.memory ?? chunkFor(end - position)
          const length = await readNext(memory)
          if (isOver) return
          const isLast = position >= end
          if (isLast) finish()
          if (length > 0) {
            if (request === undefined) controller.enqueue(memory.subarray(0, length))
            else request.respond(length)
          }
          if (!isLast) return
          controller.close()
          // A read that meets the end is answered after the end only.
          if (length === 0) request?.respond(0)
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

function chunkFor(remainingBytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, remainingBytes))
}
