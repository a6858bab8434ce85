/**
 * Ends streams that are not read. Otherwise a client that reads a byte an hour could hold a connection to the
 * store and its buffers without limit.
 */

import { discardBody } from '@media-proxy/shared/discard-body.ts'

export interface IdleTimeoutOptions {
  /**
   * The maximum time that a client may take for one chunk, in milliseconds. With chunks of 64 KiB, this is
   * also a minimum rate.
   */
  readonly idleMs: number
  /** Closes the connection of the client. A client that does not read the stream would not notice its end. */
  readonly cutOff: () => void
  /** Called when the source breaks off. The error must not reach the client. */
  readonly onBreak: (error: unknown) => void
  /** Called with the number of bytes of each chunk. */
  readonly onBytes: (bytes: number) => void
}

/**
 * Passes a body on and cancels it when a chunk is not taken in
 * time. Time in which the source sends nothing does not count.
 */
export function withIdleTimeout(
  body: ReadableStream<Uint8Array>,
  { idleMs, cutOff, onBreak, onBytes }: IdleTimeoutOptions,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let timer: ReturnType<typeof setTimeout> | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(timer)
        const { done, value } = await reader.read().catch((error: unknown) => {
          onBreak(error)
          cutOff()
          // The connection is closed, so the rest of the stream has no reader.
          return { done: true, value: undefined }
        })
        if (done || value === undefined) return controller.close()
        onBytes(value.length)
        controller.enqueue(value)
        timer = setTimeout(() => {
          reader.cancel().catch(() => {
            // The stream is abandoned in any case.
          })
          cutOff()
        }, idleMs)
      },
      async cancel(reason) {
        clearTimeout(timer)
        await discardBody(reader, reason)
      },
    },
    { highWaterMark: 0 },
  )
}
