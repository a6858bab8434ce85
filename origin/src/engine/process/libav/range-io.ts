/** The only way in which libav gets bytes: ranges of one source, asked for while its own code waits. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { IOContext } from 'node-av/lib'
import type { Libav } from './load.ts'

/** Bytes of a file, by ranges that are there when the call returns. */
export interface RangeSource {
  readonly sizeBytes: number
  /** The bytes from `start` up to, not including, `end`; both lie inside the source. */
  read(start: number, end: number): Uint8Array | Failure
}

export interface RangeIo extends Disposable {
  readonly io: IOContext
  /** From now on so many bytes may be read and no more; beyond them the source fails. */
  allow(bytes: number): void
  /** Why reading failed, if it did since the last `allow`. */
  readonly failure: Failure | undefined
}

/** Opens a source for libav. What holds the context is closed before this is disposed of. */
export function openRangeIo({ pool, constants }: Libav, source: RangeSource): RangeIo {
  let at = 0
  let left = 0
  let failure: Failure | undefined

  function read(wanted: number): Buffer | number {
    const end = Math.min(at + wanted, source.sizeBytes)
    if (end <= at) return constants.AVERROR_EOF
    if (failure === undefined && end - at > left)
      failure = fail('undecodable', 'too much to read for the answer')
    if (failure !== undefined) return constants.AVERROR_EIO
    const part = source.read(at, end)
    if (isFailure(part)) {
      failure = part
      return constants.AVERROR_EIO
    }
    at += part.length
    left -= part.length
    return Buffer.from(part.buffer, part.byteOffset, part.byteLength)
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
    allow(bytes) {
      left = bytes
      failure = undefined
    },
    get failure() {
      return failure
    },
    [Symbol.dispose]: () => handle[Symbol.dispose](),
  }
}

const NO_SEEK = -1n
