/** The only way in which libav gets bytes: ranges of one source, read synchronously. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { IOContext } from 'node-av/lib'
import type { Libav } from './load.ts'

/** The bytes of a file, read synchronously as ranges. */
export interface SyncRanges {
  readonly sizeBytes: number
  /** Returns at least the bytes from `start` up to, not including, `end`. Both lie inside the file. */
  read(start: number, end: number): Uint8Array | Failure
}

/**
 * The largest read-ahead. Sequential reads fetch ever larger parts, because each one is a round trip to the
 * server.
 */
const MAX_AHEAD_BYTES = 512 * 1024
/**
 * The number of parts that are kept. In a file whose video and audio lie far apart, libav alternates between
 * two places.
 */
const KEPT_PARTS = 4

/** The number of bytes that libav reads at once. */
const PEEKED_BYTES = 64 * 1024

interface Part {
  readonly start: number
  readonly bytes: Uint8Array
}

function endOf({ start, bytes }: Part): number {
  return start + bytes.length
}

export interface RangeIo extends Disposable {
  readonly io: IOContext
  /**
   * Returns at least the bytes from `start` up to `end`, bypassing libav. The bytes read around them are kept
   * for libav.
   */
  peek(start: number, end: number): Uint8Array | Failure
  /** Sets how many bytes may be fetched from now on. Reading more fails. */
  allow(bytes: number): void
  /** The failure of the source, or that libav read more than was allowed since the last `allow`, if any. */
  readonly failure: Failure | undefined
}

/** Opens a source for libav. The user of the context has to be closed before this is disposed of. */
export function openRangeIo({ pool, constants }: Libav, source: SyncRanges): RangeIo {
  let at = 0
  let left = 0
  /** The source is not read any more once it has failed: parts that follow a gap would be misunderstood. */
  let sourceFailure: Failure | undefined
  let isSpent = false
  /** The fetched parts, the most recent first. */
  let fetched: readonly Part[] = []

  function read(byteCount: number): Buffer | number {
    const end = Math.min(at + byteCount, source.sizeBytes)
    if (end <= at) return constants.AVERROR_EOF
    if (failureNow() !== undefined) return constants.AVERROR_EIO
    const part = readAhead(at, end)
    if (isFailure(part)) {
      isSpent = part === SPENT
      return constants.AVERROR_EIO
    }
    at += part.length
    return Buffer.from(part.buffer, part.byteOffset, part.byteLength)
  }

  /** Returns the bytes from `start` up to `end`, or the first of them. Fetches no more than the allowance. */
  function readAhead(start: number, end: number): Uint8Array | Failure {
    const known = fetched.find((part) => start >= part.start && start < endOf(part))
    if (known !== undefined) return known.bytes.subarray(start - known.start, end - known.start)
    const byteCount = end - start
    const before = fetched.find((part) => endOf(part) === start)
    const more = before === undefined ? 0 : Math.min(2 * before.bytes.length, MAX_AHEAD_BYTES, left)
    const bytes = fetchBytes(start, byteCount, Math.min(more, source.sizeBytes - start))
    if (isFailure(bytes)) return bytes
    fetched = [{ start, bytes }, ...fetched.filter((part) => part !== before)].slice(0, KEPT_PARTS)
    return bytes.subarray(0, byteCount)
  }

  /** Fetches some bytes, or more of them if these are worth reading ahead. */
  function fetchBytes(start: number, byteCount: number, ahead = byteCount): Uint8Array | Failure {
    if (sourceFailure !== undefined) return sourceFailure
    if (byteCount > left) return SPENT
    const bytes = source.read(start, start + Math.max(byteCount, ahead))
    if (isFailure(bytes)) sourceFailure = bytes
    else left -= bytes.length
    return bytes
  }

  function failureNow(): Failure | undefined {
    return sourceFailure ?? (isSpent ? SPENT : undefined)
  }

  function peek(start: number, end: number): Uint8Array | Failure {
    const part = readAhead(start, Math.min(source.sizeBytes, Math.max(end, start + PEEKED_BYTES)))
    return isFailure(part) || part.length >= end - start ? part : fetchBytes(start, end - start)
  }

  function seek(offset: bigint, whence: number): bigint {
    if (whence === constants.AVSEEK_SIZE) return BigInt(source.sizeBytes)
    const target =
      whence === constants.AVSEEK_SET
        ? Number(offset)
        : whence === constants.AVSEEK_CUR
          ? at + Number(offset)
          : -1
    if (target < 0) return NO_SEEK
    at = target
    return BigInt(at)
  }

  const handle = pool.acquire({ read, seek })
  return {
    io: handle.io,
    peek,
    allow(bytes) {
      left = bytes
      isSpent = false
    },
    get failure() {
      return failureNow()
    },
    [Symbol.dispose]: () => handle[Symbol.dispose](),
  }
}

const SPENT = fail('undecodable', 'too much to read for the answer')
const NO_SEEK = -1n
