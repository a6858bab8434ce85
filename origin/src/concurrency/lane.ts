/**
 * Admission: how much of each kind of work runs at once, how much may wait, and what is refused at once rather than
 * answered too late. Every kind has a lane of its own, so that none starves another.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { abortFailure } from './wait.ts'

export interface LaneOptions {
  /** How much runs at the same time. */
  readonly concurrency: number
  /** How much may wait; beyond it work is refused at once. */
  readonly queue: number
  /** Bound on the sum of the weights that run, in bytes. One piece of work alone may weigh more. Default: none. */
  readonly capacityBytes?: number
  /** Milliseconds of a clock that never goes back. Default: that of the process. */
  readonly now?: () => number
}

export interface Admission {
  /** What the work weighs, in bytes. Default 0. */
  readonly weightBytes?: number
  /** Work that would still be waiting when this time is over is refused at once. Default: for ever. */
  readonly timeLeftMs?: number
}

/**
 * Bounded work, first come first served. Refuses with `overloaded` and a `Retry-After` computed from the queue where
 * the queue is full, or so long that the work could not start in time; a caller whose signal fires while it waits
 * leaves the queue.
 */
export interface Lane {
  run<T>(signal: AbortSignal, work: () => Promise<T>, admission?: Admission): Promise<T | Failure>
  /** A place that is held until `release` is called, once. */
  acquire(signal: AbortSignal, admission?: Admission): Promise<Place | Failure>
  /** A place for work of this weight, in bytes, where there is one at once; undefined otherwise. */
  tryAcquire(weightBytes: number): Place | undefined
  /** Why work would be refused now, if so much more than what waits here is on its way to it. */
  refusal(underWay: number): Failure | undefined
  readonly running: number
  readonly waiting: number
}

export interface Place {
  release(): void
}

/** Share of the newest duration in the running average. */
const SMOOTHING = 0.1

interface Waiter {
  readonly weightBytes: number
  readonly admit: () => void
}

export function createLane({
  concurrency,
  queue,
  capacityBytes = Number.POSITIVE_INFINITY,
  now = () => performance.now(),
}: LaneOptions): Lane {
  const waiters = new Set<Waiter>()
  let running = 0
  let usedBytes = 0
  let averageMs = 0

  function fits(weightBytes: number): boolean {
    return running === 0 || (running < concurrency && usedBytes + weightBytes <= capacityBytes)
  }

  /** Resolves to whether a place was got; false where the signal fired first. */
  function enter(signal: AbortSignal, weightBytes: number): Promise<boolean> {
    // Nobody slips past those that wait, however light: heavy work would never run.
    if (waiters.size === 0 && fits(weightBytes)) {
      take(weightBytes)
      return Promise.resolve(true)
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiter: Waiter = {
      weightBytes,
      admit() {
        signal.removeEventListener('abort', onAbort)
        resolve(true)
      },
    }
    const onAbort = () => {
      if (!waiters.delete(waiter)) return
      resolve(false)
      admitNext()
    }
    waiters.add(waiter)
    signal.addEventListener('abort', onAbort, { once: true })
    return promise
  }

  function take(weightBytes: number): void {
    running += 1
    usedBytes += weightBytes
  }

  function leave(weightBytes: number): void {
    running -= 1
    usedBytes -= weightBytes
    admitNext()
  }

  function admitNext(): void {
    for (const waiter of waiters) {
      if (!fits(waiter.weightBytes)) return
      waiters.delete(waiter)
      take(waiter.weightBytes)
      waiter.admit()
    }
  }

  /** A place that was taken. */
  function placeOf(weightBytes: number): Place {
    const startedAt = now()
    let held = true
    return {
      release() {
        if (!held) return
        held = false
        averageMs += SMOOTHING * (now() - startedAt - averageMs)
        leave(weightBytes)
      },
    }
  }

  /** How long the newest to wait would wait. */
  function expectedWaitMs(): number {
    return (averageMs * (waiters.size + 1)) / concurrency
  }

  function overloaded(why: string): Failure {
    const seconds = Math.max(1, Math.ceil(expectedWaitMs() / 1000))
    return fail('overloaded', why, { 'retry-after': String(seconds) })
  }

  const lane: Lane = {
    async acquire(signal, { weightBytes = 0, timeLeftMs = Number.POSITIVE_INFINITY } = {}) {
      if (signal.aborted) return abortFailure(signal)
      if (!fits(weightBytes) || waiters.size > 0) {
        const refused = lane.refusal(0)
        if (refused !== undefined) return refused
        if (expectedWaitMs() > timeLeftMs) return overloaded(`a wait of ${Math.round(expectedWaitMs())} ms`)
      }
      if (!(await enter(signal, weightBytes))) return abortFailure(signal)
      return placeOf(weightBytes)
    },

    tryAcquire(weightBytes) {
      const hasRoom = running < concurrency && usedBytes + weightBytes <= capacityBytes
      if (waiters.size > 0 || !hasRoom) return undefined
      take(weightBytes)
      return placeOf(weightBytes)
    },

    async run(signal, work, admission) {
      const place = await lane.acquire(signal, admission)
      if (!('release' in place)) return place
      try {
        return await work()
      } finally {
        place.release()
      }
    },

    refusal(underWay) {
      return waiters.size + underWay >= queue ? overloaded(`${waiters.size} waiting`) : undefined
    },
    get running() {
      return running
    },
    get waiting() {
      return waiters.size
    },
  }
  return lane
}
