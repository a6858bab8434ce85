/**
 * Enforces the declared length of a response body. If an external server, a store or a file that is being
 * written sends more bytes, they would be read as the next response on the same connection. If it sends
 * fewer, the rest would be taken from that response.
 */

import { fail } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'

const NOTHING = new Uint8Array()

/**
 * Passes on this number of bytes of a body and drops the rest. The stream errors with a `BodyError` when the
 * body ends earlier.
 */
export function withDeclaredLength(
  body: ReadableStream<Uint8Array>,
  sizeBytes: number,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let left = sizeBytes
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // `pull` is not called again when nothing was enqueued.
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
