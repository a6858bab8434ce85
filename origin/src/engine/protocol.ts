/**
 * What the server and an engine process say to each other, over one socket: frames of a head of twelve bytes, a short
 * text and a body. The process is not believed: what it sends is bounded here and validated by whoever reads it.
 */

/** Kinds of frames, in the order of one job. */
export const FRAME = {
  /** Process to server, once: the code is loaded. */
  ready: 1,
  /** Server to process: a job; the body is the source, where all of it is sent along. */
  job: 2,
  /** Process to server: a range of the source is wanted. */
  read: 3,
  /** Server to process: that range, or why it is not to be had. */
  part: 4,
  /** Process to server: the header is read, and what follows takes longer than usual. */
  inspected: 5,
  /** Process to server: how much of a long job is done. */
  progress: 7,
  /** Process to server: the result; the body is what was made. */
  done: 6,
  /** Server to process, between two jobs: nobody wants anything for now. */
  rest: 8,
} as const

export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

export interface Frame {
  readonly kind: FrameKind
  /** JSON. */
  readonly text: string
  readonly body: Uint8Array
}

/** Bytes of a head: kind, length of the text, length of the body, each an unsigned 32-bit number, little-endian. */
export const HEAD_BYTES = 12
/** The longest text: a container of many tracks fits into a tenth of it. */
export const MAX_TEXT_BYTES = 1024 * 1024
/** The longest body: the largest source that is sent whole, and the largest rendition, are smaller. */
export const MAX_BODY_BYTES = 1024 * 1024 * 1024

/** The largest range of a source that may be asked for. */
export const MAX_PART_BYTES = 32 * 1024 * 1024

/** The longest body of each kind. */
const MAX_BODIES: ReadonlyMap<number, number> = new Map<FrameKind, number>([
  [FRAME.ready, 0],
  [FRAME.job, MAX_BODY_BYTES],
  [FRAME.read, 0],
  [FRAME.part, MAX_PART_BYTES],
  [FRAME.inspected, 0],
  [FRAME.progress, 0],
  [FRAME.done, MAX_BODY_BYTES],
  [FRAME.rest, 0],
])

export interface Head {
  readonly kind: FrameKind
  readonly textBytes: number
  readonly bodyBytes: number
}

/** The head and the text of a frame, to be followed by its body. */
export function encodeHead(kind: FrameKind, value: unknown, bodyBytes: number): Buffer {
  const text = JSON.stringify(value)
  const textBytes = Buffer.byteLength(text)
  const encoded = Buffer.allocUnsafe(HEAD_BYTES + textBytes)
  encoded.writeUInt32LE(kind, 0)
  encoded.writeUInt32LE(textBytes, 4)
  encoded.writeUInt32LE(bodyBytes, 8)
  encoded.write(text, HEAD_BYTES)
  return encoded
}

/** Reads a head. Throws a `RangeError` where it is none. */
export function decodeHead(head: Buffer): Head {
  const kind = head.readUInt32LE(0)
  const textBytes = head.readUInt32LE(4)
  const bodyBytes = head.readUInt32LE(8)
  if (!isKind(kind) || textBytes > MAX_TEXT_BYTES || bodyBytes > (MAX_BODIES.get(kind) ?? 0))
    throw new RangeError(`no frame: kind ${kind}, ${textBytes} bytes of text, ${bodyBytes} of body`)
  return { kind, textBytes, bodyBytes }
}

function isKind(kind: number): kind is FrameKind {
  return MAX_BODIES.has(kind)
}

/**
 * Puts frames together from the chunks of a socket. `onFrame` is called for each; a chunk that is no part of a frame
 * throws a `RangeError`.
 */
export function createFrameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let buffered: Buffer = NOTHING
  let head: Head | undefined
  let rest: Buffer = NOTHING
  let filled = 0

  /** Takes what of a chunk belongs to the frame under way; gives what is left. */
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
    const wanted = Math.min(total, filled + chunk.length)
    if (wanted > rest.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(total, Math.max(wanted, 2 * rest.length)))
      rest.copy(larger, 0, 0, filled)
      rest = larger
    }
    const copied = chunk.copy(rest, filled)
    filled += copied
    if (filled === total) {
      head = undefined
      onFrame({ kind, text: rest.toString('utf8', 0, textBytes), body: rest.subarray(textBytes) })
    }
    return chunk.subarray(copied)
  }

  return (chunk) => {
    for (let left = take(chunk); left.length > 0; left = take(left));
  }
}

/** What a head says follows it is believed so far; for more of it memory is taken as it comes. */
const FIRST_BYTES = 8 * 1024 * 1024
const NOTHING: Buffer = Buffer.alloc(0)
