/**
 * Returns the body of a request, opened when it is first read. Cancelling it does not affect the connection:
 * the server reads the rest of the body after the response.
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
