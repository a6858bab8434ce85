export interface HeadAndRest {
  /** The first bytes: at least as many as requested, or the whole body when it is shorter. */
  readonly head: Uint8Array
  /** What follows the head, not read yet. */
  readonly rest: ReadableStream<Uint8Array>
}

/** Reads the first bytes of a body. */
export async function peek(body: ReadableStream<Uint8Array>, bytes: number): Promise<HeadAndRest> {
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  while (length < bytes) {
    const { done, value } = await reader.read()
    if (done) break
    chunks.push(value)
    length += value.length
  }
  reader.releaseLock()
  const [first] = chunks
  const head = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
  return { head, rest: body }
}

/** Returns a whole body again: the chunks that were read, then the rest. */
export function resumed(
  chunks: readonly Uint8Array[],
  rest: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  const pending = chunks.filter(({ length }) => length > 0).values()
  const reader = rest.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = pending.next()
        if (!done) return controller.enqueue(value)
        const next = await reader.read()
        if (next.done) controller.close()
        else controller.enqueue(next.value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
