/**
 * Writes the log to standard output without ever waiting for its reader: a pipe whose reader stalls, a file on
 * a full disk, and a pipe that nothing reads any more must not stop or end the service, or fill its memory.
 * Pino's own destination writes the rest when the process exits, which waits for a reader that has stalled.
 */

import { write as writeFile, writeSync } from 'node:fs'

export interface LogOutput {
  write(line: string): void
  /**
   * Writes the remaining lines before it returns, unless the reader has stalled. Pino calls it after a fatal
   * record.
   */
  flushSync(): void
  /** Resolves when all lines are written, or when they cannot be. */
  flushed(): Promise<void>
  /** Whether a write has made no progress for a second. A process with such a write cannot exit. */
  isStalled(): boolean
}

export interface LogOutputOptions {
  /** Writes bytes and reports how many were written. */
  readonly write: (
    bytes: Uint8Array,
    done: (error: NodeJS.ErrnoException | null, written: number) => void,
  ) => void
  /** Writes bytes before it returns, and returns how many were written. */
  readonly writeSync: (bytes: Uint8Array) => number
  /** Returns a record that states how many records were dropped, as a line. */
  readonly droppedLine: (count: number) => string
}

/**
 * The maximum delay before a line is written, in milliseconds. Written one by one, lines cost a tenth of the
 * time of a response from memory.
 */
const HELD_MS = 10
/** The maximum length of the lines that wait for the reader, in UTF-16 code units. Further lines are dropped. */
const MAX_WAITING = 8 * 1024 * 1024
/** The reader counts as stalled when it has taken nothing for this time, in milliseconds. */
const STALLED_MS = 1000
/** The pause after a write that failed, in milliseconds. */
const RETRY_MS = 500

/** The pause between two attempts to write to a full pipe before the process exits, in milliseconds. */
const FULL_PIPE_MS = 10
const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4))

export const STANDARD_OUTPUT: Pick<LogOutputOptions, 'write' | 'writeSync'> = {
  write: (bytes, done) => writeFile(1, bytes, 0, bytes.length, null, done),
  writeSync: (bytes) => writeSync(1, bytes),
}

export function createLogOutput(options: LogOutputOptions): LogOutput {
  return new BufferedOutput(options)
}

interface Batch {
  readonly bytes: Uint8Array
  /** The number of records in it, including those that a record of it states as dropped. */
  readonly records: number
}

class BufferedOutput implements LogOutput {
  readonly #options: LogOutputOptions
  #waiting: string[] = []
  #waitingLength = 0
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  /** When the write in progress started. Undefined without one. */
  #writingSince: number | undefined
  /** Whether nothing reads the other end any more. */
  #isClosed = false
  #onIdle: (() => void)[] = []

  constructor(options: LogOutputOptions) {
    this.#options = options
  }

  write(line: string): void {
    if (this.#isClosed) return
    if (this.#waitingLength + line.length > MAX_WAITING) {
      this.#dropped += 1
      return
    }
    this.#waiting.push(line)
    this.#waitingLength += line.length
    this.#schedule(HELD_MS)
  }

  flushSync(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.isStalled()) return
    const endsAt = performance.now() + STALLED_MS
    for (let { bytes } = this.#take(); bytes.length > 0; ) {
      try {
        bytes = bytes.subarray(this.#options.writeSync(bytes))
      } catch (error) {
        const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
        // Otherwise the last lines are lost, and there is nowhere to report it.
        if (!isFull || performance.now() >= endsAt) return
        Atomics.wait(NEVER_NOTIFIED, 0, 0, FULL_PIPE_MS)
      }
    }
  }

  async flushed(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writeNext()
    if (this.#writingSince === undefined) return
    const written = new Promise<void>((resolve) => this.#onIdle.push(resolve))
    let timer: NodeJS.Timeout | undefined
    const stalled = new Promise<void>((resolve) => {
      timer = setInterval(() => {
        if (this.isStalled()) resolve()
      }, STALLED_MS / 10)
    })
    await Promise.race([written, stalled])
    clearInterval(timer)
  }

  isStalled(): boolean {
    return this.#writingSince !== undefined && performance.now() - this.#writingSince >= STALLED_MS
  }

  #schedule(delayMs: number): void {
    if (this.#writingSince !== undefined) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#writeNext()
    }, delayMs)
  }

  #take(): Batch {
    const records = this.#waiting.length + this.#dropped
    if (this.#dropped > 0) this.#waiting.push(this.#options.droppedLine(this.#dropped))
    const bytes = Buffer.from(this.#waiting.join(''))
    this.#waiting = []
    this.#waitingLength = 0
    this.#dropped = 0
    return { bytes, records }
  }

  #writeNext(): void {
    if (this.#isClosed || this.#writingSince !== undefined) return
    const batch = this.#take()
    if (batch.bytes.length > 0) {
      this.#writingSince = performance.now()
      this.#write(batch)
    } else this.#becomeIdle()
  }

  #write({ bytes, records }: Batch): void {
    this.#options.write(bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#write({ bytes, records }), RETRY_MS)
        return
      }
      if (error === null && written < bytes.length) {
        this.#writingSince = performance.now()
        this.#write({ bytes: bytes.subarray(written), records })
        return
      }
      this.#writingSince = undefined
      if (error === null) return this.#writeNext()
      if (error.code === 'EPIPE') this.#isClosed = true
      else this.#dropped += records
      this.#becomeIdle()
      this.#schedule(RETRY_MS)
    })
  }

  #becomeIdle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}
