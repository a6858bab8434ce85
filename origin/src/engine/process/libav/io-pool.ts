/**
 * A pool of I/O contexts for reading. They are reused, because node-av 6.1.1 never frees the buffer of a
 * context through which a file was opened (measured: 66 KB per file).
 */

import type { IOContext } from 'node-av/lib'

/** The callbacks that libav calls synchronously. */
export interface IoHandlers {
  /** Returns up to this many bytes from the current position, or an AVERROR. */
  readonly read: (bytes: number) => Buffer | number
  /** Returns the new position, or the size, or a negative number. */
  readonly seek: (offset: bigint, whence: number) => bigint
}

export interface IoHandle extends Disposable {
  readonly io: IOContext
}

export interface IoPool {
  /** Returns a context for exclusive use until it is disposed of. Its position is the start of the source. */
  acquire(handlers: IoHandlers): IoHandle
  /**
   * Frees the idle contexts. A context keeps the process alive, so a process that should exit by itself calls
   * this.
   */
  close(): void
}

/** The size of one request to the source. libav reads ahead by this much. */
const BUFFER_BYTES = 64 * 1024
/**
 * A position past the end of any source. Seeking there and back clears the bytes of the previous file from
 * the buffer.
 */
const FAR_AWAY = 2n ** 60n
const CLOSED_IO: IoHandlers = { read: () => -1, seek: (offset) => offset }

/** Creates a pool. It grows to the number of contexts that are in use at once. */
export function createIoPool(
  library: typeof import('node-av/lib'),
  { AVSEEK_SET }: typeof import('node-av/constants'),
): IoPool {
  interface Slot {
    readonly io: IOContext
    handlers: IoHandlers
  }
  const idle: Slot[] = []

  function create(): Slot {
    const slot: Slot = { io: new library.IOContext(), handlers: CLOSED_IO }
    const read = (bytes: number) => slot.handlers.read(bytes)
    const seek = (offset: bigint, whence: number) => slot.handlers.seek(offset, whence)
    slot.io.allocContextWithCallbacks(BUFFER_BYTES, 0, read, null, seek)
    return slot
  }

  return {
    close() {
      for (const { io } of idle.splice(0)) io.freeContext()
    },
    acquire(handlers) {
      const slot = idle.pop() ?? create()
      slot.handlers = handlers
      return {
        io: slot.io,
        [Symbol.dispose]() {
          slot.handlers = CLOSED_IO
          slot.io.seekSync(FAR_AWAY, AVSEEK_SET)
          slot.io.seekSync(0n, AVSEEK_SET)
          // A context keeps its error, so one that failed is not reused.
          if (slot.io.error === 0 && slot.io.pos === 0n) idle.push(slot)
          else slot.io.freeContext()
        },
      }
    },
  }
}
