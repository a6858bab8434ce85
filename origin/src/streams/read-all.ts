import { discardBody } from '@media-proxy/shared/discard-body.ts'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { freeBuffer } from './free-buffer.ts'

/**
 * Reads a body of known size into one buffer. `head` is the part of it that was read already, and may be freed.
 * Fails with `store-unreachable` when the body is shorter or longer than the store declared. An abort rejects.
 */
export function readAll(
  body: ReadableStream<Uint8Array>,
  sizeBytes: number,
  head: Uint8Array = NOTHING,
): Promise<Uint8Array | Failure> {
  const filling = fillingReaderOf(body)
  return filling === undefined ? collect(body.getReader(), sizeBytes, head) : fill(filling, sizeBytes, head)
}

const NOTHING = new Uint8Array()

/** Returns a reader that fills memory of the caller. Undefined for a body that has its own chunks. */
function fillingReaderOf(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: 'byob' })
  } catch (error) {
    if (error instanceof TypeError && !body.locked) return undefined
    throw error
  }
}

/** Has the body write to the right place at once. Chunks that are copied take twice the time of this thread. */
async function fill(
  reader: ReadableStreamBYOBReader,
  sizeBytes: number,
  head: Uint8Array,
): Promise<Uint8Array | Failure> {
  if (head.length > sizeBytes) return tooLong(reader)
  // The body owns the buffer while it writes, and returns it under another name.
  let whole: Uint8Array<ArrayBuffer> = Buffer.allocUnsafeSlow(sizeBytes)
  whole.set(head)
  let length = head.length
  while (length < sizeBytes) {
    const { value } = await reader.read(whole.subarray(length))
    if (value === undefined || value.length === 0) return tooShort(length, sizeBytes)
    whole = new Uint8Array(value.buffer)
    length += value.length
  }
  const { done } = await reader.read(new Uint8Array(1))
  return done ? whole : tooLong(reader)
}

/**
 * Copies the chunks of a body, and frees each: V8 counts them as a part of its heap, and collects it once for
 * every two or three photographs of 4 MiB otherwise.
 */
async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  sizeBytes: number,
  head: Uint8Array,
): Promise<Uint8Array | Failure> {
  const first = head.length > 0 ? head : await readChunk(reader)
  // A typical small object arrives as one chunk, which does not have to be copied.
  if (first?.length === sizeBytes) {
    const rest = await readChunk(reader)
    return rest === undefined ? first : tooLong(reader)
  }
  const whole = Buffer.allocUnsafe(sizeBytes)
  let length = 0
  for (let chunk = first; chunk !== undefined; chunk = await readChunk(reader)) {
    if (length + chunk.length > sizeBytes) return tooLong(reader)
    whole.set(chunk, length)
    length += chunk.length
    freeBuffer(chunk)
  }
  return length === sizeBytes ? whole : tooShort(length, sizeBytes)
}

async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | undefined> {
  const { value } = await reader.read()
  return value
}

function tooShort(length: number, sizeBytes: number): Failure {
  return fail('store-unreachable', `object ended after ${length} of ${sizeBytes} bytes`)
}

async function tooLong(reader: ReadableStreamDefaultReader | ReadableStreamBYOBReader): Promise<Failure> {
  await discardBody(reader)
  return fail('store-unreachable', 'the object is longer than the store declared')
}
