/**
 * Coalesces concurrent work of the same key (single flight). The first caller starts the work and later
 * callers join it. It is cancelled when all callers have left, and forgotten when the last caller has
 * released its value.
 */

export interface SingleFlight<T> {
  /**
   * Joins the work of a key, or starts it. The caller has to `release` the
   * handle exactly once, when it no longer needs the value or no longer waits
   * for it. A rejection reaches all callers that wait for it and is not kept.
   */
  join(key: string, start: (signal: AbortSignal) => Promise<T>): Handle<T>
  has(key: string): boolean
  /**
   * Detaches the calls in flight of these keys. They continue for the callers that have joined them. Later
   * callers start a new call.
   */
  forget(isConcerned: (key: string) => boolean): void
  /** The number of calls in flight that can be joined. */
  readonly size: number
}

export interface Handle<T> {
  readonly value: Promise<T>
  /** Whether this caller started the work. */
  readonly leader: boolean
  /**
   * Releases the handle. `finished` means that nothing that
   * this caller started with the value is still running.
   */
  release(finished?: boolean): void
}

interface Call<T> {
  readonly value: Promise<T>
  readonly controller: AbortController
  users: number
  /** Whether all callers that have left had finished. */
  finished: boolean
}

export function createSingleFlight<T>(): SingleFlight<T> {
  const calls = new Map<string, Call<T>>()

  function leave(key: string, call: Call<T>, finished: boolean): void {
    call.users -= 1
    call.finished &&= finished
    if (call.users > 0) return
    // No caller can join from here on: the next one starts a new call instead of sharing a cancelled one.
    if (calls.get(key) === call) calls.delete(key)
    call.controller.abort(call.finished ? ALL_FINISHED : NO_CALLERS_LEFT)
  }

  return {
    join(key, start) {
      const running = calls.get(key)
      const call = running ?? startCall(start)
      if (running === undefined) calls.set(key, call)
      call.users += 1
      let released = false
      return {
        value: call.value,
        leader: running === undefined,
        release(finished = false) {
          if (released) return
          released = true
          leave(key, call, finished)
        },
      }
    },
    has: (key) => calls.has(key),
    forget(isConcerned) {
      for (const key of calls.keys()) if (isConcerned(key)) calls.delete(key)
    },
    get size() {
      return calls.size
    },
  }
}

/** Created once, because creating a reason with a stack for every request takes a tenth of a millisecond. */
const NO_CALLERS_LEFT = new DOMException('nobody waits for it any more', 'AbortError')
const ALL_FINISHED = new DOMException('all have finished with it', 'AbortError')

/** Whether the signal of a call fired because all callers had finished with its value. */
export function allFinished(signal: AbortSignal): boolean {
  return signal.reason === ALL_FINISHED
}

function startCall<T>(start: (signal: AbortSignal) => Promise<T>): Call<T> {
  const controller = new AbortController()
  const value = start(controller.signal)
  // The last caller may have left before a rejection arrives. Then nothing handles it, which is not an error.
  value.catch(() => undefined)
  return { value, controller, users: 0, finished: true }
}
