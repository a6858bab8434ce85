/** How much of a body that nobody wants is read, and for how long, before its request is answered. */
const MOST_BYTES = 64 * 1024 * 1024
const LONGEST_MS = 2000
/** A client that has sent nothing for so long may be waiting for the answer before it begins. */
const SILENCE_BEFORE_MS = 100
/** One that has begun pauses for a round trip of its network, or of its machine. */
const SILENCE_BETWEEN_MS = 1000

export interface ReceivedRequest {
  readonly body: ReadableStream<Uint8Array> | null
  readonly headers: Headers
}

/**
 * Reads and drops what is left of a body before it is refused. The server does so behind the answer, and for longer
 * (`lingering.ts`); workerd, which may stand before it, closes its client's connection with the answer where that still
 * writes, and the client never sees it.
 */
export async function discard({ body, headers }: ReceivedRequest): Promise<void> {
  // A client that waits to be asked has sent nothing that was not asked for, and is never workerd; a body that is locked
  // is still read by somebody.
  if (headers.has('expect') || body === null || body.locked) return
  const reader = body.getReader()
  const endsAt = performance.now() + LONGEST_MS
  try {
    for (let bytes = 0; bytes <= MOST_BYTES && performance.now() < endsAt; ) {
      const chunk = await orSilence(reader.read(), bytes === 0 ? SILENCE_BEFORE_MS : SILENCE_BETWEEN_MS)
      if (chunk === undefined || chunk.done) return
      bytes += chunk.value.length
    }
  } catch {
    // The client has gone: nobody reads the refusal.
  }
}

async function orSilence<T>(read: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, milliseconds, undefined)
  try {
    return await Promise.race([read, promise])
  } finally {
    clearTimeout(timer)
  }
}
