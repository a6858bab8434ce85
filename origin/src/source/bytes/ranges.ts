/**
 * Byte sources that are read by ranges. Containers are demuxed from them, so that a video of any size costs
 * only the parts that are needed. They are independent of where the bytes are: a store, or an HTTP server
 * that supports ranges.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import { freeBuffer } from '../../streams/free-buffer.ts'

export interface RangeSource {
  readonly sizeBytes: number
  /** The number of bytes fetched from the source so far, for limits, logs and tests. */
  readonly bytesRead: number
  /** Reads the bytes from `start` up to, not including, `end`. Both have to be inside the source. */
  read(start: number, end: number): Promise<Uint8Array | Failure>
  /**
   * Streams all bytes in order, bypassing the cache. The
   * caller has to read the stream to its end or cancel it.
   */
  stream(): Promise<ReadableStream<Uint8Array> | Failure>
}

export interface RangeSourceOptions {
  readonly sizeBytes: number
  /**
   * Fetches the bytes from `start` up to, not including, `end`. It is bound to the signal of the opened source.
   * Nothing else may use the memory that it returns, because it is cached or freed.
   */
  readonly fetchPart: (start: number, end: number) => Promise<Uint8Array | Failure>
  readonly fetchAll: () => Promise<ReadableStream<Uint8Array> | Failure>
  /** The first bytes, when they are known already. */
  readonly head?: Uint8Array
}

/** The unit of reading. Containers request many small pieces that are close to each other. */
const BLOCK_BYTES = 32 * 1024
/** The number of cached blocks. They and the head are all that a source holds in memory between two reads. */
const KEPT_BLOCKS = 64
/** The maximum number of bytes to read ahead when reads are sequential. */
const MAX_READ_AHEAD_BYTES = 512 * 1024
/**
 * The number of blocks from which a read is a large one: of a whole image, or of a clip. Such a reader continues
 * after them and does not come back, so only the last block is cached.
 */
const LARGE_READ_BLOCKS = 16

/** Creates a source that reads blocks on demand, caches the latest, and reads ahead when reads are sequential. */
export function createRangeSource(options: RangeSourceOptions): RangeSource {
  return new CachedRanges(options)
}

class CachedRanges implements RangeSource {
  readonly sizeBytes: number
  readonly stream: RangeSource['stream']
  readonly #fetchPart: RangeSourceOptions['fetchPart']
  readonly #head: Uint8Array
  readonly #blocks = new LRUCache<number, Uint8Array>({ max: KEPT_BLOCKS })
  #bytesRead: number
  #expectedBlock = -1
  #readAheadBytes = 0
  #lastRead: Promise<unknown> = Promise.resolve()

  constructor({ sizeBytes, fetchPart, fetchAll, head }: RangeSourceOptions) {
    this.sizeBytes = sizeBytes
    this.stream = fetchAll
    this.#fetchPart = fetchPart
    this.#head = head ?? new Uint8Array()
    this.#bytesRead = this.#head.length
  }

  get bytesRead(): number {
    return this.#bytesRead
  }

  read(start: number, end: number): Promise<Uint8Array | Failure> {
    if (start < 0 || end > this.sizeBytes || start >= end) throw new RangeError(`no bytes ${start}..${end}`)
    // Reads run one after the other, so that two readers of one block do not fetch it twice.
    const reading = this.#lastRead.then(() => this.#readNow(start, end))
    // The caller gets the failure. The next read starts regardless of it.
    this.#lastRead = reading.catch(() => undefined)
    return reading
  }

  async #readNow(start: number, end: number): Promise<Uint8Array | Failure> {
    const first = Math.floor(start / BLOCK_BYTES)
    const last = Math.floor((end - 1) / BLOCK_BYTES)
    const found = new Map<number, Uint8Array>()
    const fetched: Uint8Array[] = []
    for (let index = first; index <= last; index += 1) {
      const block = this.#known(index)
      if (block !== undefined) found.set(index, block)
    }
    for (let index = first; index <= last; index += 1) {
      if (found.has(index)) continue
      let gapEnd = index
      while (gapEnd < last && !found.has(gapEnd + 1)) gapEnd += 1
      const part = await this.#fetch(index, gapEnd, found)
      if (isFailure(part)) return part
      fetched.push(part)
      index = gapEnd
    }
    const whole = joined(found, start, end)
    // A part of one block is cached itself, and of others only copies are.
    for (const part of fetched) if (part.length > BLOCK_BYTES) freeBuffer(part)
    return whole
  }

  #known(index: number): Uint8Array | undefined {
    const start = index * BLOCK_BYTES
    const end = Math.min(start + BLOCK_BYTES, this.sizeBytes)
    if (end <= this.#head.length) return this.#head.subarray(start, end)
    return this.#blocks.get(index)
  }

  /** Fetches the missing blocks of a gap in one request, and reads ahead when small reads are sequential. */
  async #fetch(first: number, last: number, into: Map<number, Uint8Array>): Promise<Uint8Array | Failure> {
    const isLarge = last - first + 1 >= LARGE_READ_BLOCKS
    const goesOn = first === this.#expectedBlock && !isLarge
    const doubled = Math.max(BLOCK_BYTES, this.#readAheadBytes * 2)
    this.#readAheadBytes = goesOn ? Math.min(MAX_READ_AHEAD_BYTES, doubled) : 0
    const start = first * BLOCK_BYTES
    const end = Math.min(this.sizeBytes, (last + 1) * BLOCK_BYTES + this.#readAheadBytes)
    const part = await this.#fetchPart(start, end)
    if (isFailure(part)) return part
    this.#bytesRead += part.length
    for (let at = 0, index = first; at < part.length; at += BLOCK_BYTES, index += 1) {
      const block = part.subarray(at, at + BLOCK_BYTES)
      if (index <= last) into.set(index, block)
      // A copy, because a cached block must not keep a part of many megabytes in memory.
      if (!isLarge || index === last)
        this.#blocks.set(index, part.length > BLOCK_BYTES ? new Uint8Array(block) : block)
      this.#expectedBlock = index + 1
    }
    return part
  }
}

/** Joins the bytes from `start` up to `end` from their blocks. */
function joined(blocks: ReadonlyMap<number, Uint8Array>, start: number, end: number): Uint8Array {
  const whole = new Uint8Array(end - start)
  for (const [index, block] of blocks) {
    const blockStart = index * BLOCK_BYTES
    const from = Math.max(start, blockStart)
    const to = Math.min(end, blockStart + block.length)
    whole.set(block.subarray(from - blockStart, to - blockStart), from - start)
  }
  return whole
}
