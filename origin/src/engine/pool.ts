/**
 * Engine processes that stand ready. One more than work is kept warm, so that the end of one is nobody's wait; one that
 * has done its share is renewed; those that a rush called for end when it is over.
 */

import type { EngineProcess, ProcessEnd } from './engine-process.ts'

export interface PoolOptions {
  readonly start: () => EngineProcess
  /** Processes that are kept, at work or not. */
  readonly warm: number
  /** Most processes at the same time, beside those that are ending. */
  readonly most: number
  /** A process is renewed after so many jobs, or so many bytes: what decoders leak ends with it. */
  readonly renewAfterJobs: number
  readonly renewAfterBytes: number
  /** One beyond the warm ones is kept for so long without work, in milliseconds. */
  readonly idleMs: number
  readonly onReady?: () => void
  readonly onEnd: (end: ProcessEnd, process: EngineProcess) => void
}

export interface Pool {
  /**
   * A process that is ready and has no work, best the one that had a source last; undefined where the signal fires first,
   * or the pool is closed.
   */
  take(signal: AbortSignal, sourceId?: number): Promise<EngineProcess | undefined>
  /** Gives a process back, alive or not. */
  release(process: EngineProcess): void
  /** Why no process starts; undefined where all is well. */
  readonly fault: string | undefined
  readonly closed: boolean
  readonly size: number
  readonly pids: readonly number[]
  /** Of each long job under way, from 0 to 1. */
  readonly progress: readonly number[]
  /** Ends every process that is there, each when it has no work, and starts others. */
  renew(): void
  close(): Promise<void>
}

/** A process that had nothing to do for so long is told so. */
const REST_MS = 1000
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 10_000

export function createPool(options: PoolOptions): Pool {
  return new ProcessPool(options)
}

class ProcessPool implements Pool {
  readonly #options: PoolOptions
  readonly #all = new Set<EngineProcess>()
  readonly #outdated = new WeakSet<EngineProcess>()
  readonly #idle: EngineProcess[] = []
  /** Since when they are, in milliseconds. */
  readonly #idleSince = new WeakMap<EngineProcess, number>()
  /** Idle processes that are not told so yet. */
  readonly #restless = new Set<EngineProcess>()
  readonly #waiters = new Set<(process: EngineProcess | undefined) => void>()
  #starting = 0
  #closed = false
  #fault: string | undefined
  #retryMs = FIRST_RETRY_MS
  #retryTimer: NodeJS.Timeout | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #restTimer: NodeJS.Timeout | undefined

  constructor(options: PoolOptions) {
    this.#options = options
    this.#fill()
  }

  async take(signal: AbortSignal, sourceId?: number): Promise<EngineProcess | undefined> {
    if (this.#closed || signal.aborted) return undefined
    for (let next = this.#pick(sourceId); next !== undefined; next = this.#pick(sourceId)) {
      this.#restless.delete(next)
      if (!next.alive) continue
      if (this.#idle.length === 0) this.#fill()
      return next
    }
    const { promise, resolve } = Promise.withResolvers<EngineProcess | undefined>()
    this.#waiters.add(resolve)
    const onAbort = () => {
      if (this.#waiters.delete(resolve)) resolve(undefined)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#fill()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  release(process: EngineProcess): void {
    if (!process.alive) return
    const { renewAfterJobs, renewAfterBytes } = this.#options
    if (process.jobs >= renewAfterJobs || process.bytes >= renewAfterBytes) this.#outdated.add(process)
    this.#offer(process)
  }

  renew(): void {
    for (const process of this.#all) this.#outdated.add(process)
    for (const process of this.#idle.splice(0)) this.#retire(process)
    this.#fill()
  }

  get fault(): string | undefined {
    return this.#fault
  }

  get closed(): boolean {
    return this.#closed
  }

  get size(): number {
    return this.#all.size
  }

  get pids(): readonly number[] {
    return [...this.#all].map(({ pid }) => pid)
  }

  get progress(): readonly number[] {
    return [...this.#all].flatMap(({ progress }) => progress ?? [])
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#idleTimer)
    clearTimeout(this.#restTimer)
    for (const waiter of this.#waiters) waiter(undefined)
    this.#waiters.clear()
    const ended = [...this.#all].map((process) => process.ended)
    for (const process of this.#all) process.kill('closed')
    await Promise.all(ended)
  }

  /** The one that had the source last, else the one that worked last: its memory is warm, and the others may end. */
  #pick(sourceId: number | undefined): EngineProcess | undefined {
    const at = sourceId === undefined ? -1 : this.#idle.findIndex((process) => process.sourceId === sourceId)
    return at === -1 ? this.#idle.pop() : this.#idle.splice(at, 1)[0]
  }

  /** Starts what is missing: the warm ones, one for each that waits, and one that stands ready where any is kept warm. */
  #fill(): void {
    if (this.#closed || this.#retryTimer !== undefined) return
    const { warm, most } = this.#options
    const working = this.#all.size - this.#starting - this.#idle.length
    const ready = warm > 0 ? 1 : 0
    const wanted = Math.min(most, Math.max(warm, working + this.#waiters.size + ready))
    while (this.#all.size < wanted) {
      const started = this.#tryToStart()
      if (started === undefined) return
      this.#watch(started)
    }
  }

  /** Undefined where the system starts none; it is tried again later. */
  #tryToStart(): EngineProcess | undefined {
    try {
      return this.#options.start()
    } catch (error) {
      this.#retryLater(error instanceof Error ? error.message : String(error))
      return undefined
    }
  }

  #watch(started: EngineProcess): void {
    this.#all.add(started)
    this.#starting += 1
    let isReady = false
    void started.ready.then((ready) => {
      this.#starting -= 1
      if (ready === undefined) return
      isReady = true
      this.#fault = undefined
      this.#retryMs = FIRST_RETRY_MS
      this.#options.onReady?.()
      this.#offer(started)
    })
    void started.ended.then((end) => {
      this.#all.delete(started)
      this.#restless.delete(started)
      const at = this.#idle.indexOf(started)
      if (at !== -1) this.#idle.splice(at, 1)
      if (this.#closed) return
      this.#options.onEnd(end, started)
      // Only what fails by itself would fail again at once.
      if (isReady || end.cause.kind === 'killed-from-outside') this.#fill()
      else this.#retryLater(end.cause.kind === 'crashed' ? end.cause.detail : end.cause.kind)
    })
  }

  #retryLater(fault: string): void {
    this.#fault = fault
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined
      this.#fill()
    }, this.#retryMs)
    this.#retryTimer.unref()
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2)
  }

  #offer(process: EngineProcess): void {
    if (this.#closed || !process.alive) return
    if (this.#outdated.has(process)) {
      this.#retire(process)
      this.#fill()
      return
    }
    const [waiter] = this.#waiters
    if (waiter !== undefined) {
      this.#waiters.delete(waiter)
      waiter(process)
      return
    }
    this.#idle.push(process)
    this.#idleSince.set(process, performance.now())
    this.#restless.add(process)
    this.#restLater()
    if (this.#all.size > this.#options.warm) this.#trimLater()
  }

  #restLater(): void {
    if (this.#restTimer !== undefined) return
    this.#restTimer = setTimeout(() => {
      this.#restTimer = undefined
      for (const process of this.#restless) {
        if (!this.#isIdleFor(process, REST_MS)) continue
        this.#restless.delete(process)
        process.rest()
      }
      if (this.#restless.size > 0) this.#restLater()
    }, REST_MS)
    this.#restTimer.unref()
  }

  /** Those at the front are taken last, so they are the ones that stay without work. */
  #trimLater(): void {
    if (this.#idleTimer !== undefined) return
    const { warm, idleMs } = this.#options
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = undefined
      for (const process of [...this.#idle]) {
        if (this.#all.size <= warm) return
        if (!this.#isIdleFor(process, idleMs)) continue
        this.#idle.splice(this.#idle.indexOf(process), 1)
        this.#retire(process)
      }
      if (this.#all.size > warm) this.#trimLater()
    }, idleMs)
    this.#idleTimer.unref()
  }

  #isIdleFor(process: EngineProcess, milliseconds: number): boolean {
    return performance.now() - (this.#idleSince.get(process) ?? 0) >= milliseconds
  }

  #retire(process: EngineProcess): void {
    this.#all.delete(process)
    this.#restless.delete(process)
    process.kill('renewed')
  }
}
