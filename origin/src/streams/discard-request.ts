/** The limits on discarding an unwanted body before its request is answered. */
const MAX_BYTES = 64 * 1024 * 1024
const LONGEST_MS = 2000
/** A client that has sent nothing for this time may be waiting for the response before it starts. */
const SILENCE_BEFORE_MS = 100
/** A client that has started pauses at most for a round trip of its network, or for its scheduler. */
const SILENCE_BETWEEN_MS = 1000

export interface ReceivedRequest {
  readonly body: ReadableStream<Uint8Array> | null
  readonly headers: Headers
}

/**
 * Reads and discards the rest of a body before its request is rejected. The server
 * also does so after the response, and for longer (`lingering.ts`). But workerd,
 * which may be in front of the origin, closes the client connection with the response
 * while the client is still writing, and the client never sees the response.
 */
export async function discardRequest({ body, headers }: ReceivedRequest): Promise<void> {
  // A client that sent `Expect` has not sent the body yet,
  // and is never workerd. A locked body still has a reader.
  if (headers.has('expect') || body === null || body.locked) return
  const reader = body.getReader()
  const endsAt = performance.now() + LONGEST_MS
  try {
    for (let bytes = 0; bytes <= MAX_BYTES && performance.now() < endsAt; ) {
      const chunk = await withTimeout(reader.read(), bytes === 0 ? SILENCE_BEFORE_MS : SILENCE_BETWEEN_MS)
      if (chunk === undefined || chunk.done) return
      bytes += chunk.value.length
    }
  } catch {
    // The client disconnected, so nothing reads the response.
  }
}

async function withTimeout<T>(read: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, milliseconds, undefined)
  try {
    return await Promise.race([read, promise])
  } finally {
    clearTimeout(timer)
  }
}
