/**
 * A pool of engine processes. It keeps one spare process ready, so that a job never waits for a start when a
 * process ends. A process is replaced after a number of jobs or bytes, and the extra processes of a burst end
 * when they are idle.
 */

import type { EngineProcess } from './engine-process.ts'
import type { ProcessEnd } from './process-end.ts'

export interface PoolOptions {
  readonly start: () => EngineProcess
  /** The number of processes that are kept, busy or idle. */
  readonly warm: number
  /** The largest number of processes at the same time, not counting those that are ending. */
  readonly max: number
  /** A process is replaced after this many jobs, or bytes, to reclaim what its decoders leak. */
  readonly renewAfterJobs: number
  readonly renewAfterBytes: number
  /** How long a process beyond the warm ones is kept without a job, in milliseconds. Unlimited by default. */
  readonly idleMs?: number
  readonly onReady?: () => void
  readonly onEnd: (end: ProcessEnd, process: EngineProcess) => void
}

export interface Pool {
  /**
   * Takes an idle process out of the pool, preferably the one whose last job had this source. Waits until one
   * is ready. Undefined when the signal fires first, or the pool is closed.
   */
  take(signal: AbortSignal, sourceId?: number): Promise<EngineProcess | undefined>
  /** Returns a process to the pool, alive or not. */
  release(process: EngineProcess): void
  /** Why no process starts. Undefined when there is no fault. */
  readonly fault: string | undefined
  readonly closed: boolean
  readonly size: number
  readonly pids: readonly number[]
  /** The progress of each long job that is running, from 0 to 1. */
  readonly progress: readonly number[]
  /** Replaces every process of the pool, each once it has no job. */
  renew(): void
  close(): Promise<void>
}

/** How long a process is idle before `releaseMemory` is called, in milliseconds. */
const RELEASE_AFTER_MS = 1000
/**
 * How long no process has been idle before one beyond the warm ones starts, in milliseconds. A start costs as
 * much CPU time as twenty quick jobs, and most bursts are over sooner.
 */
const GROW_AFTER_MS = 200
/**
 * A process that is not ready after this time is replaced, in milliseconds. A start takes half a second, and
 * some seconds on a busy machine.
 */
const START_MS = 60_000
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
  /** When each process became idle, in milliseconds. */
  readonly #idleSince = new WeakMap<EngineProcess, number>()
  /** Idle processes whose `releaseMemory` has not been called yet. */
  readonly #unreleased = new Set<EngineProcess>()
  readonly #waiters = new Set<(process: EngineProcess | undefined) => void>()
  #starting = 0
  #closed = false
  #fault: string | undefined
  #retryMs = FIRST_RETRY_MS
  #retryTimer: NodeJS.Timeout | undefined
  #growTimer: NodeJS.Timeout | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #releaseTimer: NodeJS.Timeout | undefined

  constructor(options: PoolOptions) {
    this.#options = options
    this.#fill()
  }

  async take(signal: AbortSignal, sourceId?: number): Promise<EngineProcess | undefined> {
    if (this.#closed || signal.aborted) return undefined
    for (let next = this.#pick(sourceId); next !== undefined; next = this.#pick(sourceId)) {
      this.#unreleased.delete(next)
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
    clearTimeout(this.#growTimer)
    clearTimeout(this.#idleTimer)
    clearTimeout(this.#releaseTimer)
    for (const waiter of this.#waiters) waiter(undefined)
    this.#waiters.clear()
    const ended = [...this.#all].map((process) => process.ended)
    for (const process of this.#all) process.kill('closed')
    await Promise.all(ended)
  }

  /**
   * Takes the process that had the source last, or else the one that worked last: its memory is warm, and the
   * others stay idle long enough to end.
   */
  #pick(sourceId: number | undefined): EngineProcess | undefined {
    const at = sourceId === undefined ? -1 : this.#idle.findIndex((process) => process.sourceId === sourceId)
    return at === -1 ? this.#idle.pop() : this.#idle.splice(at, 1)[0]
  }

  /** Starts the missing warm processes at once, and those beyond them when they are needed for longer. */
  #fill(): void {
    const { warm } = this.#options
    this.#startUpTo(Math.max(warm, Math.min(1, this.#waiters.size)))
    if (this.#all.size >= this.#needed || this.#growTimer !== undefined) return
    this.#growTimer = setTimeout(() => {
      this.#growTimer = undefined
      this.#startUpTo(this.#needed)
    }, GROW_AFTER_MS)
    this.#growTimer.unref()
  }

  /** One process for each job, running or waiting, and one spare if any are kept warm. */
  get #needed(): number {
    const { warm, max } = this.#options
    const working = this.#all.size - this.#starting - this.#idle.length
    return Math.min(max, working + this.#waiters.size + (warm > 0 ? 1 : 0))
  }

  #startUpTo(count: number): void {
    if (this.#closed || this.#retryTimer !== undefined) return
    while (this.#all.size < count) {
      const started = this.#tryToStart()
      if (started === undefined) return
      this.#watch(started)
    }
  }

  /** Starts a process. Undefined when the system cannot start one; the pool then tries again later. */
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
    const timer = setTimeout(() => started.kill('start'), START_MS)
    timer.unref()
    void started.ready.then((ready) => {
      clearTimeout(timer)
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
      this.#unreleased.delete(started)
      const at = this.#idle.indexOf(started)
      if (at !== -1) this.#idle.splice(at, 1)
      if (this.#closed) return
      this.#options.onEnd(end, started)
      // Only a process that fails by itself would fail again at once.
      if (isReady || end.cause.kind === 'killed-from-outside') this.#fill()
      else this.#retryLater(faultOf(end))
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
    this.#unreleased.add(process)
    this.#releaseMemoryLater()
    if (this.#all.size > this.#options.warm) this.#trimLater()
  }

  #releaseMemoryLater(): void {
    if (this.#releaseTimer !== undefined) return
    this.#releaseTimer = setTimeout(() => {
      this.#releaseTimer = undefined
      for (const process of this.#unreleased) {
        if (!this.#isIdleFor(process, RELEASE_AFTER_MS)) continue
        this.#unreleased.delete(process)
        process.releaseMemory()
      }
      if (this.#unreleased.size > 0) this.#releaseMemoryLater()
    }, RELEASE_AFTER_MS)
    this.#releaseTimer.unref()
  }

  /**
   * Ends idle processes beyond the warm ones. Those at the front are taken last, so they stay idle longest.
   */
  #trimLater(): void {
    const { warm, idleMs } = this.#options
    if (this.#idleTimer !== undefined || idleMs === undefined) return
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
    this.#unreleased.delete(process)
    process.kill('renewed')
  }
}

function faultOf({ cause }: ProcessEnd): string {
  if (cause.kind === 'killed' && cause.reason === 'start') return `not ready after ${START_MS} ms`
  return cause.kind === 'crashed' ? cause.detail : cause.kind
}
