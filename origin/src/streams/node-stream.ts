import { Readable } from 'node:stream'

/** Returns a body as a stream of Node. */
export function nodeStreamOf(body: ReadableStream<Uint8Array>): Readable {
  // The stream types of Node and of the platform differ only in their names.
  return Readable.fromWeb(body as never)
}
