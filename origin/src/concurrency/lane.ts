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
  /** How much work it may be, on a scale of its lane: what waits and is less goes first, for a while. Default 0. */
  readonly effort?: number
  /** Work that would still be waiting when this time is over is refused at once. Default: for ever. */
  readonly timeLeftMs?: number
}

/**
 * Bounded work; of what waits, the least first, and what has waited for a second before that. Refuses with `overloaded`
 * and a `Retry-After` computed from the queue where the queue is full, or so long that the work could not start in time; a
 * caller whose signal fires while it waits leaves the queue.
 */
export interface Lane {
  run<T>(signal: AbortSignal, work: () => Promise<T>, admission?: Admission): Promise<T | Failure>
  /** A place that is held until `release` is called, once. */
  acquire(signal: AbortSignal, admission?: Admission): Promise<Place | Failure>
  /** A place for work of this weight, in bytes, where there is one at once; undefined otherwise. */
  tryAcquire(weightBytes: number): Place | undefined
  /** Why work would be refused now, if so much more than what waits here is on its way to it. */
  rejection(underWay: number): Failure | undefined
  readonly running: number
  readonly waiting: number
}

export interface Place {
  release(): void
}

/** Work that has a place for as long as it runs, however places are got. */
export async function runIn<T>(
  lane: Pick<Lane, 'acquire'>,
  signal: AbortSignal,
  work: () => Promise<T>,
  admission?: Admission,
): Promise<T | Failure> {
  const place = await lane.acquire(signal, admission)
  if (!('release' in place)) return place
  try {
    return await work()
  } finally {
    place.release()
  }
}

/** Share of the newest duration in the running average. */
const SMOOTHING = 0.1

/** Nothing is let past work that has waited for so long, in milliseconds. */
const PATIENCE_MS = 1000

interface Waiter {
  readonly weightBytes: number
  readonly effort: number
  readonly since: number
  readonly admit: () => void
}

export function createLane(options: LaneOptions): Lane {
  return new BoundedLane(options)
}

class BoundedLane implements Lane {
  readonly #concurrency: number
  readonly #queue: number
  readonly #capacityBytes: number
  readonly #now: () => number
  readonly #waiters = new Set<Waiter>()
  #running = 0
  #usedBytes = 0
  #averageMs = 0

  constructor({ concurrency, queue, capacityBytes, now }: LaneOptions) {
    this.#concurrency = concurrency
    this.#queue = queue
    this.#capacityBytes = capacityBytes ?? Number.POSITIVE_INFINITY
    this.#now = now ?? (() => performance.now())
  }

  async acquire(signal: AbortSignal, admission: Admission = {}): Promise<Place | Failure> {
    const { weightBytes = 0, effort = 0, timeLeftMs = Number.POSITIVE_INFINITY } = admission
    if (signal.aborted) return abortFailure(signal)
    if (!this.#fits(weightBytes) || this.#waiters.size > 0) {
      const rejected = this.rejection(0)
      if (rejected !== undefined) return rejected
      const waitMs = this.#expectedWaitMs()
      if (waitMs > timeLeftMs) return this.#overloaded(`a wait of ${Math.round(waitMs)} ms`)
    }
    if (!(await this.#enter(signal, weightBytes, effort))) return abortFailure(signal)
    return this.#placeOf(weightBytes)
  }

  tryAcquire(weightBytes: number): Place | undefined {
    const hasRoom = this.#running < this.#concurrency && this.#usedBytes + weightBytes <= this.#capacityBytes
    if (this.#waiters.size > 0 || !hasRoom) return undefined
    this.#take(weightBytes)
    return this.#placeOf(weightBytes)
  }

  run<T>(signal: AbortSignal, work: () => Promise<T>, admission?: Admission): Promise<T | Failure> {
    return runIn(this, signal, work, admission)
  }

  rejection(underWay: number): Failure | undefined {
    const waiting = this.#waiters.size
    return waiting + underWay >= this.#queue ? this.#overloaded(`${waiting} waiting`) : undefined
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiters.size
  }

  #fits(weightBytes: number): boolean {
    if (this.#running === 0) return true
    return this.#running < this.#concurrency && this.#usedBytes + weightBytes <= this.#capacityBytes
  }

  /** Resolves to whether a place was got; false where the signal fired first. */
  #enter(signal: AbortSignal, weightBytes: number, effort: number): Promise<boolean> {
    // Nobody takes a place past those that wait: whose turn it is, is told among them.
    if (this.#waiters.size === 0 && this.#fits(weightBytes)) {
      this.#take(weightBytes)
      return Promise.resolve(true)
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiter: Waiter = {
      ...{ weightBytes, effort, since: this.#now() },
      admit() {
        signal.removeEventListener('abort', onAbort)
        resolve(true)
      },
    }
    const onAbort = () => {
      if (!this.#waiters.delete(waiter)) return
      resolve(false)
      this.#admitNext()
    }
    this.#waiters.add(waiter)
    signal.addEventListener('abort', onAbort, { once: true })
    return promise
  }

  #take(weightBytes: number): void {
    this.#running += 1
    this.#usedBytes += weightBytes
  }

  #admitNext(): void {
    for (let waiter = this.#next(); waiter !== undefined; waiter = this.#next()) {
      if (!this.#fits(waiter.weightBytes)) return
      this.#waiters.delete(waiter)
      this.#take(waiter.weightBytes)
      waiter.admit()
    }
  }

  /** Whose turn it is; of equals, the oldest. */
  #next(): Waiter | undefined {
    let [next] = this.#waiters
    if (next === undefined || this.#now() - next.since >= PATIENCE_MS) return next
    for (const waiter of this.#waiters) if (waiter.effort < next.effort) next = waiter
    return next
  }

  /** A place that was taken. */
  #placeOf(weightBytes: number): Place {
    const startedAt = this.#now()
    let held = true
    return {
      release: () => {
        if (!held) return
        held = false
        this.#averageMs += SMOOTHING * (this.#now() - startedAt - this.#averageMs)
        this.#running -= 1
        this.#usedBytes -= weightBytes
        this.#admitNext()
      },
    }
  }

  /** How long the newest to wait would wait. */
  #expectedWaitMs(): number {
    return (this.#averageMs * (this.#waiters.size + 1)) / this.#concurrency
  }

  #overloaded(why: string): Failure {
    const seconds = Math.max(1, Math.ceil(this.#expectedWaitMs() / 1000))
    return fail('overloaded', why, { 'retry-after': String(seconds) })
  }
}
