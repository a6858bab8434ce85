/**
 * A streamed JSON object whose last member is a file in base64, so that a file of 128 MiB is never held in
 * memory as a whole.
 */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import { isWhole, type Source } from '../source/bytes/source.ts'
import type { Exchange } from './exchange.ts'

/**
 * The size of a piece of the file. It is a multiple of three, so that every piece but the last encodes to
 * base64 without padding.
 */
const PIECE_BYTES = 3 * 64 * 1024

/**
 * Returns a response with `members` and an additional member `base64`. `close` is called when the source is
 * no longer read. It may be called twice.
 */
export function base64Answer(
  members: Readonly<Record<string, unknown>>,
  source: Source,
  { requestId }: Pick<Exchange, 'requestId'>,
  close: () => void,
): Response {
  const encoder = new TextEncoder()
  const start = encoder.encode(`${JSON.stringify(members).slice(0, -1)},"base64":"`)
  const end = encoder.encode('"}')
  const { sizeBytes } = source.parts
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      yield start
      let sent = 0
      for await (const piece of inPieces(bytesOf(source))) {
        sent += piece.length
        yield encoder.encode(piece.toString('base64'))
      }
      // A body whose length differs from `Content-Length` would be read as part of the next response.
      if (sent !== sizeBytes) throw new Error(`${sent} of ${sizeBytes} bytes of a source`)
      yield end
    } finally {
      close()
    }
  }
  const length = start.length + 4 * Math.ceil(sizeBytes / 3) + end.length
  return new Response(streamOf(pieces(), close), {
    headers: {
      'content-type': 'application/json',
      'content-length': String(length),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
    },
  })
}

/**
 * Turns a generator into a stream. `ReadableStream.from` is not used: a generator that has not started ends
 * without running its `finally`, and the client may disconnect before it starts.
 */
function streamOf(chunks: AsyncGenerator<Uint8Array>, close: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        // Called first, because it ends the read that `chunks.return` would wait for.
        close()
        await chunks.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}

async function* bytesOf(source: Source): AsyncGenerator<Uint8Array> {
  if (isWhole(source)) {
    const { bytes } = source
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
    return
  }
  const body = await source.parts.stream()
  if (isFailure(body)) throw new BodyError(body)
  yield* body
}

async function* inPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let kept = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const joined =
      kept.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
        : Buffer.concat([kept, chunk])
    const whole = joined.length - (joined.length % 3)
    if (whole > 0) yield joined.subarray(0, whole)
    kept = Buffer.from(joined.subarray(whole))
  }
  if (kept.length > 0) yield kept
}
