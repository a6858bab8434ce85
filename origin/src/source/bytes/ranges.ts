/**
 * Bytes that are read by parts: what a container is demuxed from, so that a video of any size costs only the
 * parts that are looked at. Independent of where the bytes are: a store and a ranged HTTP source serve alike.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'

export interface MediaBytes {
  readonly sizeBytes: number
  /** How many bytes the source has been asked for so far, for limits, logs and tests. */
  readonly bytesRead: number
  /** The bytes from `start` up to, not including, `end`; both have to lie inside the source. */
  read(start: number, end: number): Promise<Uint8Array | Failure>
  /** All bytes in order, past the cache. Whoever gets it reads it to its end or cancels it. */
  stream(): Promise<ReadableStream<Uint8Array> | Failure>
}

export interface MediaBytesOptions {
  readonly sizeBytes: number
  /** Fetches `start` up to, not including, `end`. Bound to the signal of whoever opened the source. */
  readonly fetchPart: (start: number, end: number) => Promise<Uint8Array | Failure>
  readonly fetchAll: () => Promise<ReadableStream<Uint8Array> | Failure>
  /** The first bytes, where they are known already. */
  readonly head?: Uint8Array
}

/** Reads are made of whole blocks: containers ask for many small pieces that lie side by side. */
const BLOCK_BYTES = 32 * 1024
/** Blocks that are kept; with the head, all that a source holds in memory between two reads. */
const KEPT_BLOCKS = 64
/** The most that is fetched beyond what was asked for, when reads follow each other. */
const MAX_READ_AHEAD_BYTES = 512 * 1024

export function createMediaBytes({ sizeBytes, fetchPart, fetchAll, head }: MediaBytesOptions): MediaBytes {
  const blocks = new Map<number, Uint8Array>()
  const headBytes = head ?? new Uint8Array()
  let bytesRead = headBytes.length
  let expectedBlock = -1
  let readAheadBytes = 0
  let tail: Promise<unknown> = Promise.resolve()

  function keep(index: number, block: Uint8Array): void {
    blocks.set(index, block)
    const oldest = blocks.keys().next().value
    if (blocks.size > KEPT_BLOCKS && oldest !== undefined) blocks.delete(oldest)
  }

  function known(index: number): Uint8Array | undefined {
    const start = index * BLOCK_BYTES
    const end = Math.min(start + BLOCK_BYTES, sizeBytes)
    if (end <= headBytes.length) return headBytes.subarray(start, end)
    const block = blocks.get(index)
    // Used again: the last to go.
    if (block !== undefined && blocks.delete(index)) blocks.set(index, block)
    return block
  }

  /** Fetches the blocks of a gap in one go, with some more where reading goes on where it stopped. */
  async function fill(
    first: number,
    last: number,
    into: Map<number, Uint8Array>,
  ): Promise<Failure | undefined> {
    readAheadBytes =
      first === expectedBlock ? Math.min(MAX_READ_AHEAD_BYTES, Math.max(BLOCK_BYTES, readAheadBytes * 2)) : 0
    const start = first * BLOCK_BYTES
    const end = Math.min(sizeBytes, (last + 1) * BLOCK_BYTES + readAheadBytes)
    const part = await fetchPart(start, end)
    if (isFailure(part)) return part
    bytesRead += part.length
    for (let at = 0, index = first; at < part.length; at += BLOCK_BYTES, index += 1) {
      const block = part.subarray(at, at + BLOCK_BYTES)
      if (index <= last) into.set(index, block)
      // A copy: a kept block must not hold a part of many megabytes in memory.
      keep(index, part.length > BLOCK_BYTES ? block.slice() : block)
      expectedBlock = index + 1
    }
    return undefined
  }

  async function readNow(start: number, end: number): Promise<Uint8Array | Failure> {
    const first = Math.floor(start / BLOCK_BYTES)
    const last = Math.floor((end - 1) / BLOCK_BYTES)
    const found = new Map<number, Uint8Array>()
    for (let index = first; index <= last; index += 1) {
      const block = known(index)
      if (block !== undefined) found.set(index, block)
    }
    for (let index = first; index <= last; index += 1) {
      if (found.has(index)) continue
      let gapEnd = index
      while (gapEnd < last && !found.has(gapEnd + 1)) gapEnd += 1
      const failure = await fill(index, gapEnd, found)
      if (failure !== undefined) return failure
      index = gapEnd
    }
    const whole = new Uint8Array(end - start)
    for (const [index, block] of found) {
      const blockStart = index * BLOCK_BYTES
      const from = Math.max(start, blockStart)
      const to = Math.min(end, blockStart + block.length)
      whole.set(block.subarray(from - blockStart, to - blockStart), from - start)
    }
    return whole
  }

  return {
    sizeBytes,
    get bytesRead() {
      return bytesRead
    },
    read(start, end) {
      if (start < 0 || end > sizeBytes || start >= end) throw new RangeError(`no bytes ${start}..${end}`)
      // One after the other: two readers of one block must not fetch it twice.
      const reading = tail.then(() => readNow(start, end))
      // Whoever asked is told of the failure; the next one tries for itself.
      tail = reading.catch(() => undefined)
      return reading
    },
    stream: fetchAll,
  }
}
