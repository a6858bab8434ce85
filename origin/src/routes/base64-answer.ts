/** A JSON object whose last member is a file in base64, streamed: a file of 128 MiB is never held whole. */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import type { Source } from '../source/bytes/source.ts'
import type { Exchange } from './exchange.ts'

/** Of the file, a multiple of three, so that every piece but the last is whole base64. */
const PIECE_BYTES = 3 * 64 * 1024

/** Answers `members` with `base64` behind them. `close` is called when nothing more is read of the source, maybe twice. */
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
      // An answer of another length than it says would be read together with the next one.
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

/** Not `ReadableStream.from`: a generator that has not begun ends without its `finally`, and its client may leave before. */
function streamOf(chunks: AsyncGenerator<Uint8Array>, close: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        // First, since it ends the read that the other may wait for.
        close()
        await chunks.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}

async function* bytesOf({ bytes, parts }: Source): AsyncGenerator<Uint8Array> {
  if (bytes.length === parts.sizeBytes) {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
    return
  }
  const body = await parts.stream()
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
