import { discardBody } from '../discard-body.ts'
import { fail } from '../response/failure.ts'
import { BodyError } from './body-error.ts'

/**
 * Passes on the body of a store, and errors it when the next chunk takes longer than `timeoutMs`, so that a
 * store that stops in the middle of an object cannot keep a request open. Time without a pending read does
 * not count. Every error is a `BodyError` with `store-timeout`, or with `store-unreachable` when the
 * connection breaks.
 */
export function watchBody(body: ReadableStream<Uint8Array>, timeoutMs: number): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const timer = setTimeout(() => {
          const reason = new BodyError(
            fail('store-timeout', `nothing for ${timeoutMs} ms in the middle of an object`),
          )
          controller.error(reason)
          reader.cancel(reason).catch(() => {
            // The body has already failed, and its reader has the reason.
          })
        }, timeoutMs)
        try {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          throw new BodyError(
            fail('store-unreachable', 'the connection broke in the middle of an object'),
            error,
          )
        } finally {
          clearTimeout(timer)
        }
      },
      async cancel(reason) {
        await discardBody(reader, reason)
      },
    },
    { highWaterMark: 0 },
  )
}

export interface WatchedUpload {
  readonly stream: ReadableStream<Uint8Array>
  /** Stops the timeout after the store's response, and abandons what the store did not wait for. */
  answered(): Promise<void>
}

/**
 * Passes an upload on to a store, and aborts when the store reads nothing for `timeoutMs`, or does not
 * respond within that time after the last byte. Time in which the client sends nothing does not count.
 */
export function watchUpload(
  body: ReadableStream<Uint8Array>,
  timeoutMs: number,
  abandoned: AbortController,
): WatchedUpload {
  const reader = body.getReader()
  let timer: ReturnType<typeof setTimeout> | undefined
  let answered = false
  let ended = false
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(timer)
        const { done, value } = await reader.read().catch((error: unknown) => {
          ended = true
          throw error
        })
        ended = done
        if (done) controller.close()
        else controller.enqueue(value)
        if (!answered) timer = setTimeout(() => abandoned.abort(), timeoutMs)
      },
      async cancel(reason) {
        clearTimeout(timer)
        await discardBody(reader, reason)
      },
    },
    { highWaterMark: 0 },
  )
  return {
    stream,
    async answered() {
      answered = true
      clearTimeout(timer)
      if (ended) return
      abandoned.abort()
      await discardBody(reader)
    },
  }
}
