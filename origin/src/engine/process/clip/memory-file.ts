/**
 * A file in memory that a muxer writes: mostly sequentially, but it seeks back to fill in the sizes of boxes.
 */

import type { IOContext } from 'node-av/lib'
import type { Libav } from '../libav/load.ts'

export interface MemoryFile extends Disposable {
  readonly io: IOContext
  readonly sizeBytes: number
  /** The bytes written so far. They are the file's own memory. */
  readonly bytes: Buffer
}

const BUFFER_BYTES = 64 * 1024
const FIRST_BYTES = 256 * 1024

/** Opens an empty file. The caller frees its writer before this. */
export function openMemoryFile({ library, constants }: Libav): MemoryFile {
  const { AVSEEK_SET, AVSEEK_CUR, AVSEEK_SIZE } = constants
  let memory = Buffer.alloc(FIRST_BYTES)
  let size = 0
  let at = 0

  function write(part: Buffer): number {
    const end = at + part.length
    if (end > memory.length) {
      const larger = Buffer.alloc(Math.max(end, memory.length * 2))
      memory.copy(larger, 0, 0, size)
      memory = larger
    }
    part.copy(memory, at)
    at = end
    size = Math.max(size, end)
    return part.length
  }

  function seek(offset: bigint, whence: number): bigint {
    if (whence === AVSEEK_SIZE) return BigInt(size)
    const start = whence === AVSEEK_SET ? 0 : whence === AVSEEK_CUR ? at : size
    at = start + Number(offset)
    return BigInt(at)
  }

  const io = new library.IOContext()
  io.allocContextWithCallbacks(BUFFER_BYTES, 1, null, write, seek)
  return {
    io,
    get sizeBytes() {
      return size
    },
    get bytes() {
      return memory.subarray(0, size)
    },
    [Symbol.dispose]: () => io.freeContext(),
  }
}
