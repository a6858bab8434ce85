import { discardBody } from '../../discard-body.ts'
import { joinChunks } from '../../join-chunks.ts'
import { type Failure, fail } from '../../response/failure.ts'
import { BodyError } from '../body-error.ts'
import { builtinModule, type Zlib, type ZlibStream } from '../platform.ts'
import { type Coding, createDecoder } from './content-coding.ts'

export type DecodedBody =
  | { readonly complete: true; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The whole body, including its start. */
  | { readonly complete: false; readonly body: ReadableStream<Uint8Array> }

/** The largest decoded body held in memory, so that its length is known before the first byte is sent. */
const HELD_BYTES = 1024 * 1024

/**
 * Decodes a stored body. Fails with `broken-source` when the bytes do not match their coding, and with
 * `source-too-large` beyond `maxBytes`. After the first megabyte, the body errors with these failures
 * instead.
 */
export async function decodeBody(
  body: ReadableStream<Uint8Array>,
  codings: readonly Coding[],
  maxBytes: number,
): Promise<DecodedBody | Failure> {
  const zlib = builtinModule('node:zlib')
  if (zlib === undefined) {
    await discardBody(body)
    return fail('store-misconfigured', 'the worker has no zlib: set the compatibility flag nodejs_compat')
  }
  const reader = body.getReader()
  const chunks = decoded(chunksOf(reader), codings, zlib, maxBytes)
  const held: Uint8Array[] = []
  let length = 0
  try {
    while (length <= HELD_BYTES) {
      const { value } = await chunks.next()
      if (value === undefined) return { complete: true, bytes: joinChunks(held, length) }
      held.push(value)
      length += value.length
    }
  } catch (error) {
    await discardBody(reader)
    if (error instanceof BodyError) return error.failure
    throw error
  }
  return { complete: false, body: streamOf(held, chunks, reader) }
}

type Chunks = AsyncGenerator<Uint8Array, undefined>

type Reader = ReadableStreamDefaultReader<Uint8Array>

async function* chunksOf(reader: Reader): Chunks {
  for (;;) {
    const { value } = await reader.read()
    if (value === undefined) return undefined
    if (value.length > 0) yield value
  }
}

async function* decoded(source: Chunks, codings: readonly Coding[], zlib: Zlib, maxBytes: number): Chunks {
  let length = 0
  const chunks = codings.reduce((inner, coding) => undo(inner, coding, zlib), source)
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > maxBytes) {
      throw new BodyError(fail('source-too-large', `decodes to more than ${maxBytes} bytes`))
    }
    yield chunk
  }
  return undefined
}

async function* undo(source: Chunks, coding: Coding, zlib: Zlib): Chunks {
  const { value: first } = await source.next()
  // An empty body decodes to an empty body.
  if (first === undefined) return undefined
  const decoder = createDecoder(zlib, coding, first[0] ?? 0)
  const broken = Promise.withResolvers<void>()
  decoder.once('close', () => broken.resolve())
  void feed(decoder, first, source, broken.promise)
  try {
    for await (const chunk of decoder) yield chunk
  } catch (error) {
    if (error instanceof BodyError || isAbort(error)) throw error
    throw new BodyError(fail('broken-source', `stored as ${coding}, but the bytes are not ${coding}`), error)
  } finally {
    decoder.destroy()
  }
  return undefined
}

/** Feeds a decoder with backpressure. Errors of the source are passed on through the decoder. */
async function feed(
  decoder: ZlibStream,
  first: Uint8Array,
  source: Chunks,
  broken: Promise<void>,
): Promise<void> {
  const write = async (chunk: Uint8Array) => {
    if (!decoder.write(chunk)) {
      await Promise.race([new Promise<void>((resolve) => decoder.once('drain', () => resolve())), broken])
    }
  }
  try {
    await write(first)
    for await (const chunk of source) {
      if (decoder.destroyed) return
      await write(chunk)
    }
    decoder.end()
  } catch (error) {
    decoder.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && (error.name === 'AbortError' || error.name === 'TimeoutError')
}

function streamOf(held: readonly Uint8Array[], rest: Chunks, reader: Reader): ReadableStream<Uint8Array> {
  const pending = held[Symbol.iterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = pending.next()
        if (next.value !== undefined) return controller.enqueue(next.value)
        try {
          const { value } = await rest.next()
          if (value === undefined) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          await discardBody(reader)
          throw error
        }
      },
      async cancel(reason) {
        // The reader is cancelled first, because this ends the read that the generator may be waiting for.
        await discardBody(reader, reason)
        await rest.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
