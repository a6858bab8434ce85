/**
 * Ends streams that nobody takes: a client that reads a byte an hour would otherwise hold a connection to the store,
 * and its buffers, for as long as it likes.
 */

export interface IdleTimeoutOptions {
  /** Longest that a client may take for one chunk, in milliseconds; with chunks of 64 KiB, a minimum rate too. */
  readonly idleMs: number
  /** Cuts the client's connection: it would not notice the end of a stream that it does not read. */
  readonly cutOff: () => void
  /** Told of a source that breaks off in the middle; its words are not for the client. */
  readonly onBreak: (error: unknown) => void
  /** Hears of every byte that passes. */
  readonly onBytes: (bytes: number) => void
}

/** Passes a body on, and gives it up where a chunk is not taken in time. Time in which the source is silent does not count. */
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
          // The connection is gone: what is left of the stream is nobody's.
          return { done: true, value: undefined }
        })
        if (done || value === undefined) return controller.close()
        onBytes(value.length)
        controller.enqueue(value)
        timer = setTimeout(() => {
          reader.cancel().catch(() => {
            // It is given up either way.
          })
          cutOff()
        }, idleMs)
      },
      async cancel(reason) {
        clearTimeout(timer)
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
