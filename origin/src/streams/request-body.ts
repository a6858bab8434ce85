/**
 * The body of a request, opened when it is first read. Whoever leaves it early leaves its connection as it is: the
 * server reads what is left, behind the answer.
 */
export function requestBody(open: () => ReadableStream<Uint8Array> | null): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  return new ReadableStream(
    {
      async pull(controller) {
        reader ??= open()?.getReader()
        const { done, value } = (await reader?.read()) ?? { done: true }
        if (done) controller.close()
        else controller.enqueue(value)
      },
    },
    { highWaterMark: 0 },
  )
}
