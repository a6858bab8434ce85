import { fail } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'

/**
 * Returns the body without the end mark after it. The stream errors with a `BodyError` (`bad-request`) when
 * the mark is missing.
 */
export function withoutMark(body: ReadableStream<Uint8Array>, mark: string): ReadableStream<Uint8Array> {
  return ReadableStream.from(contentOf(body, Buffer.from(mark, 'latin1')))
}

async function* contentOf(body: ReadableStream<Uint8Array>, mark: Buffer): AsyncGenerator<Uint8Array> {
  /** The last bytes read, which may be the mark. */
  let tail = Buffer.alloc(0)
  for await (const chunk of body) {
    const content = Math.max(0, tail.length + chunk.length - mark.length)
    const ofTail = Math.min(content, tail.length)
    if (ofTail > 0) yield tail.subarray(0, ofTail)
    if (content > ofTail) yield chunk.subarray(0, content - ofTail)
    tail = Buffer.concat([tail.subarray(ofTail), chunk.subarray(content - ofTail)])
  }
  if (!tail.equals(mark)) throw new BodyError(fail('bad-request', 'the body broke off'))
}
