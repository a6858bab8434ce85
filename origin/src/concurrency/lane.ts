/**
 * Admission control: bounds how much work of each kind runs and waits, and rejects work at once that would
 * finish too late. Every kind of work has its own lane, so that none starves another.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { abortFailure } from './wait.ts'

export interface LaneOptions {
  /** The maximum number of running jobs. */
  readonly concurrency: number
  /** The maximum number of waiting jobs. Further ones are rejected at once. */
  readonly queue: number
  /**
   * The maximum total weight of the running jobs, in bytes. A
   * job that runs alone may weigh more. Unlimited by default.
   */
  readonly capacityBytes?: number
  /** A monotonic clock, in milliseconds. Default: that of the process. */
  readonly now?: () => number
}

export interface AcquireOptions {
  /** The weight of the job, in bytes. Default 0. */
  readonly weightBytes?: number
  /**
   * The job waits as if it had arrived this much later, in milliseconds, so that short jobs overtake long
   * ones, and none waits for ever. Default 0.
   */
  readonly yieldMs?: number
  /**
   * The job is rejected at once if it would still be waiting
   * after this time, in milliseconds. Unlimited by default.
   */
  readonly timeLeftMs?: number
}

/**
 * Runs a bounded number of jobs, in the order of their arrival, each of them moved back by its `yieldMs`. When
 * the queue is full, or so long that the job could not start in time, it is rejected with `overloaded` and a
 * `Retry-After` computed from the queue. A job whose signal fires while it waits leaves the queue.
 */
export interface Lane {
  run<T>(signal: AbortSignal, work: () => Promise<T>, options?: AcquireOptions): Promise<T | Failure>
  /** Acquires a slot, which is held until `release` is called. */
  acquire(signal: AbortSignal, options?: AcquireOptions): Promise<Slot | Failure>
  /** Acquires a slot for work of this weight, in bytes, without waiting. Undefined when there is none. */
  tryAcquire(weightBytes: number): Slot | undefined
  /**
   * Returns the failure with which a job would be rejected now, if `underWay` more jobs than the running and
   * waiting ones are expected to arrive before it. Undefined when it would be accepted.
   */
  rejection(underWay: number): Failure | undefined
  readonly running: number
  readonly waiting: number
}

export interface Slot {
  release(): void
}

/** Runs work in a slot of a lane, and releases the slot afterwards. */
export async function runIn<T>(
  lane: Pick<Lane, 'acquire'>,
  signal: AbortSignal,
  work: () => Promise<T>,
  options?: AcquireOptions,
): Promise<T | Failure> {
  const slot = await lane.acquire(signal, options)
  if (!('release' in slot)) return slot
  try {
    return await work()
  } finally {
    slot.release()
  }
}

/** The share of the latest duration in the running average. */
const SMOOTHING = 0.1

interface Waiter {
  readonly weightBytes: number
  /** The time that decides its turn: its arrival and `yieldMs`, in milliseconds. */
  readonly turnMs: number
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

  async acquire(signal: AbortSignal, options: AcquireOptions = {}): Promise<Slot | Failure> {
    const { weightBytes = 0, yieldMs = 0, timeLeftMs = Number.POSITIVE_INFINITY } = options
    if (signal.aborted) return abortFailure(signal)
    if (!this.#fits(weightBytes) || this.#waiters.size > 0) {
      if (this.#waiters.size >= this.#queue) return this.#full()
      const waitMs = this.#expectedWaitMs()
      if (waitMs > timeLeftMs) return this.#overloaded(`a wait of ${Math.round(waitMs)} ms`)
    }
    if (!(await this.#enter(signal, weightBytes, yieldMs))) return abortFailure(signal)
    return this.#slotOf(weightBytes)
  }

  tryAcquire(weightBytes: number): Slot | undefined {
    const hasRoom = this.#running < this.#concurrency && this.#usedBytes + weightBytes <= this.#capacityBytes
    if (this.#waiters.size > 0 || !hasRoom) return undefined
    this.#take(weightBytes)
    return this.#slotOf(weightBytes)
  }

  run<T>(signal: AbortSignal, work: () => Promise<T>, options?: AcquireOptions): Promise<T | Failure> {
    return runIn(this, signal, work, options)
  }

  rejection(underWay: number): Failure | undefined {
    const freeSlots = Math.max(0, this.#concurrency - this.#running)
    return this.#waiters.size + underWay >= this.#queue + freeSlots ? this.#full() : undefined
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

  /** Resolves to whether a slot was acquired. False when the signal fired first. */
  #enter(signal: AbortSignal, weightBytes: number, yieldMs: number): Promise<boolean> {
    // A new job never takes a slot ahead of the waiting ones. Their order decides.
    if (this.#waiters.size === 0 && this.#fits(weightBytes)) {
      this.#take(weightBytes)
      return Promise.resolve(true)
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiter: Waiter = {
      weightBytes,
      turnMs: this.#now() + yieldMs,
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

  /** Returns the waiter whose turn it is. */
  #next(): Waiter | undefined {
    let [next] = this.#waiters
    if (next === undefined) return undefined
    for (const waiter of this.#waiters) if (waiter.turnMs < next.turnMs) next = waiter
    return next
  }

  /** Returns the handle of a slot that was taken. */
  #slotOf(weightBytes: number): Slot {
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

  /** Returns the expected wait of a job that joins the queue now, in milliseconds. */
  #expectedWaitMs(): number {
    return (this.#averageMs * (this.#waiters.size + 1)) / this.#concurrency
  }

  #full(): Failure {
    return this.#overloaded(`${this.#waiters.size} waiting`)
  }

  #overloaded(why: string): Failure {
    const seconds = Math.max(1, Math.ceil(this.#expectedWaitMs() / 1000))
    return fail('overloaded', why, { 'retry-after': String(seconds) })
  }
}
