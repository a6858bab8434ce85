import { BODY_END_HEADER } from '@media-proxy/shared/request/body-end.ts'

export interface MarkedBody {
  readonly body: ReadableStream<Uint8Array>
  readonly headers: Readonly<Record<string, string>>
}

/** Appends an end mark to a body. A body that breaks off does not get the mark. */
export function markedBody(body: ReadableStream<Uint8Array>): MarkedBody {
  const mark = crypto.randomUUID()
  const { readable, writable } = new IdentityTransformStream()
  // An error here also fails the request that reads the other side.
  append(body, writable, new TextEncoder().encode(mark)).catch(() => undefined)
  return { body: readable, headers: { [BODY_END_HEADER]: mark } }
}

async function append(
  body: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
  mark: Uint8Array,
): Promise<void> {
  await body.pipeTo(to, { preventClose: true })
  const writer = to.getWriter()
  await writer.write(mark)
  await writer.close()
}
