/** The body of an upload on its way to the store: counted, limited in size, and with a minimum rate. */

import { type Failure, fail, failWithHint } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import type { BufferCollector } from '../streams/buffer-collector.ts'

export interface UploadBodyOptions {
  /** A larger body fails with `source-too-large`. */
  readonly maxBytes: number
  readonly pace: Pace
  /** Called with the number of bytes of each chunk. */
  readonly collector: BufferCollector
}

/**
 * The minimum rate of an upload. Each window has to bring `bytesPerSecond` on average: there is no deadline,
 * but a stalled upload is ended.
 */
export interface Pace {
  readonly bytesPerSecond: number
  readonly windowMs: number
}

/** 16 KiB/s over 15 minutes. */
export const UPLOAD_PACE: Pace = { bytesPerSecond: 16 * 1024, windowMs: 15 * 60_000 }

export interface UploadBody {
  readonly stream: ReadableStream<Uint8Array>
  /** The failure of the body, once it has failed. The store sees only that the body broke off. */
  readonly failure: Failure | undefined
  readonly receivedBytes: number
}

/**
 * Wraps the body of a client. The stream errors with a
 * `BodyError` when the body is too long, too slow, or breaks off.
 */
export function uploadBody(
  body: ReadableStream<Uint8Array>,
  { maxBytes, pace, collector }: UploadBodyOptions,
): UploadBody {
  const reader = body.getReader()
  let receivedBytes = 0
  let failure: Failure | undefined
  let receivedBefore = 0
  let isCancelled = false
  let timer: NodeJS.Timeout | undefined
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        timer = setInterval(() => {
          const least = (pace.bytesPerSecond * pace.windowMs) / 1000
          if (receivedBytes - receivedBefore < least) {
            end(fail('upload-too-slow', `${receivedBytes - receivedBefore} bytes in ${pace.windowMs} ms`))
            controller.error(new BodyError(failure ?? fail('client-gone')))
          }
          receivedBefore = receivedBytes
        }, pace.windowMs)
        timer.unref()
      },
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (failure !== undefined) return
          if (done) {
            clearInterval(timer)
            controller.close()
            return
          }
          receivedBytes += value.length
          collector(value.length)
          if (receivedBytes <= maxBytes) {
            controller.enqueue(value)
            return
          }
          end(failWithHint('source-too-large', `more than ${maxBytes} bytes of upload`))
        } catch {
          // The cancellation released the reader. The store's failure is then the reason, not the client's.
          if (isCancelled) return
          end(fail('bad-request', 'the body broke off'))
        }
        controller.error(new BodyError(failure ?? fail('client-gone')))
      },
      async cancel() {
        isCancelled = true
        clearInterval(timer)
        reader.releaseLock()
      },
    },
    { highWaterMark: 0 },
  )

  function end(reason: Failure): void {
    failure ??= reason
    clearInterval(timer)
    // The rest of the body is read and discarded after the response.
    reader.releaseLock()
  }

  return {
    stream,
    get failure() {
      return failure
    },
    get receivedBytes() {
      return receivedBytes
    },
  }
}
