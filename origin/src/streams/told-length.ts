/**
 * An answer has as many bytes as it was told to have. What a far server, a store or a file that is written to sends
 * beyond them would be read as the next answer on the same connection; what it lacks would be taken from that one.
 */

import { fail } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'

const NOTHING = new Uint8Array()

/** Passes so many bytes of a body on and leaves what is behind them; errored with a `BodyError` where it ends before. */
export function ofToldLength(
  body: ReadableStream<Uint8Array>,
  sizeBytes: number,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let left = sizeBytes
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Nobody pulls again where nothing was enqueued.
        for (let own: Uint8Array = NOTHING; own.length === 0; ) {
          const { done, value } = await reader.read()
          if (done) {
            if (left === 0) return controller.close()
            throw new BodyError(fail('broken-source', `${left} of ${sizeBytes} bytes are missing`))
          }
          own = value.subarray(0, left)
          left -= own.length
          if (own.length > 0) controller.enqueue(own)
          if (own.length === value.length) continue
          controller.close()
          return reader.cancel()
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
