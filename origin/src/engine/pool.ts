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
  /** How long more than the warm ones are kept without work, in milliseconds. */
  readonly idleMs: number
  readonly onReady?: () => void
  readonly onEnd: (end: ProcessEnd, process: EngineProcess) => void
}

export interface Pool {
  /** A process that is ready and has no work; undefined where the signal fires first, or the pool is closed. */
  take(signal: AbortSignal): Promise<EngineProcess | undefined>
  /** Gives a process back, alive or not. */
  release(process: EngineProcess): void
  /** Why no process starts; undefined where all is well. */
  readonly fault: string | undefined
  readonly closed: boolean
  readonly size: number
  readonly pids: readonly number[]
  /** Ends every process that is there, each when it has no work, and starts others. */
  renew(): void
  close(): Promise<void>
}

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 10_000

export function createPool(options: PoolOptions): Pool {
  const { warm, most } = options
  const all = new Set<EngineProcess>()
  const outdated = new WeakSet<EngineProcess>()
  const idle: EngineProcess[] = []
  const waiters = new Set<(process: EngineProcess | undefined) => void>()
  let starting = 0
  let closed = false
  let fault: string | undefined
  let retryMs = FIRST_RETRY_MS
  let retryTimer: NodeJS.Timeout | undefined
  let idleTimer: NodeJS.Timeout | undefined

  /** Starts what is missing: the warm ones, one for each that waits, and one that stands ready. */
  function fill(): void {
    if (closed || retryTimer !== undefined) return
    const working = all.size - starting - idle.length
    const wanted = Math.min(most, Math.max(warm, working + waiters.size + 1))
    while (all.size < wanted) startOne()
  }

  function startOne(): void {
    const started = options.start()
    all.add(started)
    starting += 1
    let isReady = false
    void started.ready.then((ready) => {
      starting -= 1
      if (ready === undefined) return
      isReady = true
      fault = undefined
      retryMs = FIRST_RETRY_MS
      options.onReady?.()
      offer(started)
    })
    void started.ended.then((end) => {
      all.delete(started)
      const at = idle.indexOf(started)
      if (at !== -1) idle.splice(at, 1)
      if (closed) return
      options.onEnd(end, started)
      // Only what fails by itself would fail again at once.
      if (isReady || end.cause.kind === 'killed-from-outside') return fill()
      fault = end.cause.kind === 'crashed' ? end.cause.detail : end.cause.kind
      retryTimer = setTimeout(() => {
        retryTimer = undefined
        fill()
      }, retryMs)
      retryTimer.unref()
      retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2)
    })
  }

  function offer(process: EngineProcess): void {
    if (closed || !process.alive) return
    if (outdated.has(process)) {
      all.delete(process)
      process.kill('renewed')
      fill()
      return
    }
    const [waiter] = waiters
    if (waiter !== undefined) {
      waiters.delete(waiter)
      waiter(process)
      return
    }
    idle.push(process)
    if (all.size > warm) trimLater()
  }

  function trimLater(): void {
    clearTimeout(idleTimer)
    idleTimer = setTimeout(() => {
      while (all.size > warm) {
        const surplus = idle.shift()
        if (surplus === undefined) return
        all.delete(surplus)
        surplus.kill('renewed')
      }
    }, options.idleMs)
    idleTimer.unref()
  }

  fill()
  return {
    async take(signal) {
      if (closed || signal.aborted) return undefined
      // The one that worked last: its memory is warm, and the others may end.
      for (let next = idle.pop(); next !== undefined; next = idle.pop()) {
        if (!next.alive) continue
        if (idle.length === 0) fill()
        return next
      }
      const { promise, resolve } = Promise.withResolvers<EngineProcess | undefined>()
      waiters.add(resolve)
      const onAbort = () => {
        if (waiters.delete(resolve)) resolve(undefined)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      fill()
      try {
        return await promise
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },

    release(process) {
      if (!process.alive) return
      const worn = process.jobs >= options.renewAfterJobs || process.bytes >= options.renewAfterBytes
      if (worn || outdated.has(process)) {
        all.delete(process)
        process.kill('renewed')
        fill()
        return
      }
      offer(process)
    },

    get fault() {
      return fault
    },
    get closed() {
      return closed
    },
    get size() {
      return all.size
    },
    get pids() {
      return [...all].map(({ pid }) => pid)
    },

    renew() {
      for (const process of all) outdated.add(process)
      for (const process of idle.splice(0)) {
        all.delete(process)
        process.kill('renewed')
      }
      fill()
    },

    async close() {
      closed = true
      clearTimeout(retryTimer)
      clearTimeout(idleTimer)
      for (const waiter of waiters) waiter(undefined)
      waiters.clear()
      for (const process of all) process.kill('closed')
      await Promise.all([...all].map(({ ended }) => ended))
    },
  }
}
