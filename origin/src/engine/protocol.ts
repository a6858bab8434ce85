/**
 * The protocol between the server and an engine process, over one socket: messages with a head of twelve
 * bytes, a short text and a body. The process is not trusted: the sizes of its messages are bounded here, and
 * their contents are validated by the reader.
 */

/** The kinds of messages, in the order of one job. */
export const MESSAGE = {
  /** Process to server, once: its code is loaded. */
  ready: 1,
  /** Server to process: a job. The body is the source, when the whole source is sent with the job. */
  job: 2,
  /** Process to server: a request for a range of the source. */
  read: 3,
  /** Server to process: the requested range, or the failure of reading it. */
  part: 4,
  /** Process to server: the header has been read, and the job will take longer than usual. */
  inspected: 5,
  /** Process to server: the progress of a long job. */
  progress: 7,
  /** Process to server: the result. The body is the output. */
  done: 6,
  /** Server to process, between two jobs: no job is pending. */
  releaseMemory: 8,
} as const

export type MessageKind = (typeof MESSAGE)[keyof typeof MESSAGE]

export interface Message {
  readonly kind: MessageKind
  /** JSON. */
  readonly text: string
  readonly body: Uint8Array
}

/**
 * The length of a head: the kind, the length of the text and the length of the body, each an unsigned 32-bit
 * integer, little-endian.
 */
export const HEAD_BYTES = 12
/** The longest text, in bytes. The metadata of a container with many tracks takes a tenth of it. */
const MAX_TEXT_BYTES = 1024 * 1024
/**
 * The longest body, in bytes. The largest source that is sent whole, and the largest rendition, are smaller.
 */
const MAX_BODY_BYTES = 1024 * 1024 * 1024

/** The largest range of a source that may be requested, in bytes. */
export const MAX_PART_BYTES = 32 * 1024 * 1024

/** The longest body of each kind of message, in bytes. */
const MAX_BODIES: ReadonlyMap<number, number> = new Map<MessageKind, number>([
  [MESSAGE.ready, 0],
  [MESSAGE.job, MAX_BODY_BYTES],
  [MESSAGE.read, 0],
  [MESSAGE.part, MAX_PART_BYTES],
  [MESSAGE.inspected, 0],
  [MESSAGE.progress, 0],
  [MESSAGE.done, MAX_BODY_BYTES],
  [MESSAGE.releaseMemory, 0],
])

export interface Head {
  readonly kind: MessageKind
  readonly textBytes: number
  readonly bodyBytes: number
}

/** Encodes the head and the text of a message. The body is sent after them. */
export function encodeHead(kind: MessageKind, value: unknown, bodyBytes: number): Buffer {
  const text = JSON.stringify(value)
  const textBytes = Buffer.byteLength(text)
  const encoded = Buffer.allocUnsafe(HEAD_BYTES + textBytes)
  encoded.writeUInt32LE(kind, 0)
  encoded.writeUInt32LE(textBytes, 4)
  encoded.writeUInt32LE(bodyBytes, 8)
  encoded.write(text, HEAD_BYTES)
  return encoded
}

/** Decodes a head. Throws a `RangeError` when it is invalid. */
export function decodeHead(head: Buffer): Head {
  const kind = head.readUInt32LE(0)
  const textBytes = head.readUInt32LE(4)
  const bodyBytes = head.readUInt32LE(8)
  if (!isKind(kind) || textBytes > MAX_TEXT_BYTES || bodyBytes > (MAX_BODIES.get(kind) ?? 0))
    throw new RangeError(`no message: kind ${kind}, ${textBytes} bytes of text, ${bodyBytes} of body`)
  return { kind, textBytes, bodyBytes }
}

function isKind(kind: number): kind is MessageKind {
  return MAX_BODIES.has(kind)
}

/**
 * Creates a reader that assembles messages from the chunks of a socket, and calls `onMessage` for each of
 * them. The reader throws a `RangeError` on a chunk that is not part of a valid message.
 */
export function createMessageReader(onMessage: (message: Message) => void): (chunk: Buffer) => void {
  let buffered: Buffer = NOTHING
  let head: Head | undefined
  let rest: Buffer = NOTHING
  let filled = 0

  /** Consumes the part of a chunk that belongs to the current message, and returns the rest. */
  function take(chunk: Buffer): Buffer {
    if (head === undefined) {
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
      if (buffered.length < HEAD_BYTES) return NOTHING
      head = decodeHead(buffered)
      rest = Buffer.allocUnsafeSlow(Math.min(FIRST_BYTES, head.textBytes + head.bodyBytes))
      filled = 0
      const behind = buffered.subarray(HEAD_BYTES)
      buffered = NOTHING
      return fillRest(head, behind)
    }
    return fillRest(head, chunk)
  }

  function fillRest({ kind, textBytes, bodyBytes }: Head, chunk: Buffer): Buffer {
    const total = textBytes + bodyBytes
    const neededBytes = Math.min(total, filled + chunk.length)
    if (neededBytes > rest.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(total, Math.max(neededBytes, 2 * rest.length)))
      rest.copy(larger, 0, 0, filled)
      rest = larger
    }
    const copied = chunk.copy(rest, filled)
    filled += copied
    if (filled === total) {
      head = undefined
      onMessage({ kind, text: rest.toString('utf8', 0, textBytes), body: rest.subarray(textBytes) })
    }
    return chunk.subarray(copied)
  }

  return (chunk) => {
    for (let left = take(chunk); left.length > 0; left = take(left));
  }
}

/**
 * The memory that is allocated on the strength of a head alone, in bytes. Memory for a longer message is
 * allocated as its bytes arrive.
 */
const FIRST_BYTES = 8 * 1024 * 1024
const NOTHING: Buffer = Buffer.alloc(0)
