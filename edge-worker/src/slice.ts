import type { ByteRange } from '@media-proxy/shared/response/conditional.ts'

/** Returns the part of a body in a range. Bytes after the range are not read. */
export function slice(
  body: ReadableStream<Uint8Array>,
  { start, end }: ByteRange,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let at = 0
  const part = new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return controller.close()
        const from = Math.max(0, start - at)
        const to = Math.min(value.length, end + 1 - at)
        at += value.length
        if (from < to) controller.enqueue(value.subarray(from, to))
        if (at > end) {
          controller.close()
          return reader.cancel()
        }
        if (from < to) return
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
  // Without a stream of fixed length, the platform would drop Content-Length and use chunked encoding.
  return part.pipeThrough(new FixedLengthStream(end - start + 1))
}
