/**
 * Contexts for reading, used again and again: node-av 6.1.1 never frees the buffer of one through which a file was
 * opened (measured: 66 KB a file).
 */

import type { IOContext } from 'node-av/lib'

/** What answers libav while its own code waits. */
export interface IoHandlers {
  /** Up to so many bytes from where the source stands, or an AVERROR. */
  readonly read: (bytes: number) => Buffer | number
  /** Where the source stands afterwards, or its size, or a negative number. */
  readonly seek: (offset: bigint, whence: number) => bigint
}

export interface IoHandle extends Disposable {
  readonly io: IOContext
}

export interface IoPool {
  /** A context of one's own until it is disposed of, at the start of the source. */
  acquire(handlers: IoHandlers): IoHandle
  /** Frees what is idle. A context keeps the process alive, so one that is to end by itself calls this. */
  close(): void
}

/** One request to the source; libav reads ahead by as much. */
const BUFFER_BYTES = 64 * 1024
/** Behind every source: going there and back leaves nothing of the file before in the buffer. */
const FAR_AWAY = 2n ** 60n
const NOWHERE: IoHandlers = { read: () => -1, seek: (offset) => offset }

/** Makes a pool, which grows to as many contexts as are in use at once. */
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
    const slot: Slot = { io: new library.IOContext(), handlers: NOWHERE }
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
          slot.handlers = NOWHERE
          slot.io.seekSync(FAR_AWAY, AVSEEK_SET)
          slot.io.seekSync(0n, AVSEEK_SET)
          // An error stays with a context.
          if (slot.io.error === 0 && slot.io.pos === 0n) idle.push(slot)
          else slot.io.freeContext()
        },
      }
    },
  }
}
