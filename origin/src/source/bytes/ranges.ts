/**
 * Bytes that are read by parts: what a container is demuxed from, so that a video of any size costs only the
 * parts that are looked at. Independent of where the bytes are: a store and a ranged HTTP source serve alike.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'

export interface RangeSource {
  readonly sizeBytes: number
  /** How many bytes the source has been asked for so far, for limits, logs and tests. */
  readonly bytesRead: number
  /** The bytes from `start` up to, not including, `end`; both have to lie inside the source. */
  read(start: number, end: number): Promise<Uint8Array | Failure>
  /** All bytes in order, past the cache. Whoever gets it reads it to its end or cancels it. */
  stream(): Promise<ReadableStream<Uint8Array> | Failure>
}

export interface RangeSourceOptions {
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

export function createRangeSource(options: RangeSourceOptions): RangeSource {
  return new CachedRanges(options)
}

class CachedRanges implements RangeSource {
  readonly sizeBytes: number
  readonly stream: RangeSource['stream']
  readonly #fetchPart: RangeSourceOptions['fetchPart']
  readonly #head: Uint8Array
  readonly #blocks = new Map<number, Uint8Array>()
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
    // One after the other: two readers of one block must not fetch it twice.
    const reading = this.#lastRead.then(() => this.#readNow(start, end))
    // Whoever asked is told of the failure; the next one tries for itself.
    this.#lastRead = reading.catch(() => undefined)
    return reading
  }

  async #readNow(start: number, end: number): Promise<Uint8Array | Failure> {
    const first = Math.floor(start / BLOCK_BYTES)
    const last = Math.floor((end - 1) / BLOCK_BYTES)
    const found = new Map<number, Uint8Array>()
    for (let index = first; index <= last; index += 1) {
      const block = this.#known(index)
      if (block !== undefined) found.set(index, block)
    }
    for (let index = first; index <= last; index += 1) {
      if (found.has(index)) continue
      let gapEnd = index
      while (gapEnd < last && !found.has(gapEnd + 1)) gapEnd += 1
      const failure = await this.#fill(index, gapEnd, found)
      if (failure !== undefined) return failure
      index = gapEnd
    }
    return joined(found, start, end)
  }

  #known(index: number): Uint8Array | undefined {
    const start = index * BLOCK_BYTES
    const end = Math.min(start + BLOCK_BYTES, this.sizeBytes)
    if (end <= this.#head.length) return this.#head.subarray(start, end)
    const block = this.#blocks.get(index)
    // Used again: the last to go.
    if (block !== undefined && this.#blocks.delete(index)) this.#blocks.set(index, block)
    return block
  }

  /** Fetches the blocks of a gap in one go, with some more where reading goes on where it stopped. */
  async #fill(first: number, last: number, into: Map<number, Uint8Array>): Promise<Failure | undefined> {
    const goesOn = first === this.#expectedBlock
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
      // A copy: a kept block must not hold a part of many megabytes in memory.
      this.#keep(index, part.length > BLOCK_BYTES ? block.slice() : block)
      this.#expectedBlock = index + 1
    }
    return undefined
  }

  #keep(index: number, block: Uint8Array): void {
    this.#blocks.set(index, block)
    const oldest = this.#blocks.keys().next().value
    if (this.#blocks.size > KEPT_BLOCKS && oldest !== undefined) this.#blocks.delete(oldest)
  }
}

/** The bytes from `start` up to `end`, out of the blocks that hold them. */
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
