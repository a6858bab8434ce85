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
