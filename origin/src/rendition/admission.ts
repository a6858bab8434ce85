import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { abortFailure } from './wait.ts'

export interface LaneOptions {
  /** How much runs at the same time. */
  readonly concurrency: number
  /** How much may wait; beyond it work is refused at once. */
  readonly queue: number
}

/**
 * Bounded work: at most `concurrency` at a time, at most `queue` waiting, first come first served. Refuses with
 * `overloaded` and a `Retry-After` computed from the queue; a caller whose signal fires while it waits leaves
 * the queue.
 */
export interface Lane {
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | Failure>
  readonly running: number
  readonly waiting: number
}

/** Share of the newest duration in the running average. */
const SMOOTHING = 0.1

export function createLane({ concurrency, queue }: LaneOptions): Lane {
  const waiters = new Set<() => void>()
  let running = 0
  let averageMs = 0

  /** Resolves to whether a place was got; false where the signal fired first. */
  function enter(signal: AbortSignal): Promise<boolean> {
    if (running < concurrency) {
      running += 1
      return Promise.resolve(true)
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const onPlace = () => {
      signal.removeEventListener('abort', onAbort)
      resolve(true)
    }
    const onAbort = () => {
      if (waiters.delete(onPlace)) resolve(false)
    }
    waiters.add(onPlace)
    signal.addEventListener('abort', onAbort, { once: true })
    return promise
  }

  /** The place passes from hand to hand, so that nobody can slip in between. */
  function leave(): void {
    const next = waiters.values().next().value
    if (next === undefined) {
      running -= 1
    } else {
      waiters.delete(next)
      next()
    }
  }

  function retryAfterSeconds(): number {
    return Math.max(1, Math.ceil((averageMs * (waiters.size + 1)) / concurrency / 1000))
  }

  return {
    async run(signal, work) {
      if (signal.aborted) return abortFailure(signal)
      if (running >= concurrency && waiters.size >= queue) {
        return fail('overloaded', `${waiters.size} waiting`, { 'retry-after': String(retryAfterSeconds()) })
      }
      if (!(await enter(signal))) return abortFailure(signal)
      const startedAt = performance.now()
      try {
        return await work()
      } finally {
        averageMs += SMOOTHING * (performance.now() - startedAt - averageMs)
        leave()
      }
    },
    get running() {
      return running
    },
    get waiting() {
      return waiters.size
    },
  }
}
