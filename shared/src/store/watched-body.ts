import { fail } from '../response/failure.ts'
import { BodyError } from './body-error.ts'

/**
 * Passes a store's body on, but errors it where the next chunk takes longer than `timeoutMs`: a store that stops
 * in the middle of an object must not hold a request for ever. Time in which nobody reads does not count. Every
 * error is a `BodyError`: `store-timeout`, or `store-unreachable` where the connection broke.
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
            // The body is lost either way; the reason has already gone to whoever reads it.
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
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

export interface WatchedUpload {
  readonly stream: ReadableStream<Uint8Array>
  /** Ends the watch. */
  answered(): void
}

/**
 * Passes an upload on to a store, and aborts where the store takes nothing for `timeoutMs`, or does not answer for so
 * long after the last byte. Time in which the client sends nothing does not count.
 */
export function watchUpload(
  body: ReadableStream<Uint8Array>,
  timeoutMs: number,
  stalled: AbortController,
): WatchedUpload {
  const reader = body.getReader()
  let timer: ReturnType<typeof setTimeout> | undefined
  let answered = false
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(timer)
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
        if (!answered) timer = setTimeout(() => stalled.abort(), timeoutMs)
      },
      async cancel(reason) {
        clearTimeout(timer)
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  return {
    stream,
    answered() {
      answered = true
      clearTimeout(timer)
    },
  }
}
