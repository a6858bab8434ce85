/**
 * Work that is in flight together is one operation. The first caller of a key starts it; later ones join; it
 * is cancelled when the last of them has left, and forgotten when the last of them is done with its value.
 */

export interface Coalescer<T> {
  /**
   * Joins the work of a key, or starts it. The caller must `release` the handle exactly once, when it no longer
   * needs the value or no longer waits for it. A rejection is shared by those that waited and not kept.
   */
  join(key: string, start: (signal: AbortSignal) => Promise<T>): Handle<T>
  has(key: string): boolean
  /** What is in flight of these keys goes on for those that have joined it; whoever comes from here on starts anew. */
  startAnew(isConcerned: (key: string) => boolean): void
  /** Keys in flight that can be joined. */
  readonly size: number
}

export interface Handle<T> {
  readonly value: Promise<T>
  /** Whether this caller started the work. */
  readonly leader: boolean
  /** `finished`: nothing that this caller began with the value is under way any more. */
  release(finished?: boolean): void
}

interface Call<T> {
  readonly value: Promise<T>
  readonly controller: AbortController
  users: number
  /** Whether all that have left had finished. */
  finished: boolean
}

export function createCoalescer<T>(): Coalescer<T> {
  const calls = new Map<string, Call<T>>()

  function leave(key: string, call: Call<T>, finished: boolean): void {
    call.users -= 1
    call.finished &&= finished
    if (call.users > 0) return
    // From here on nobody can join: whoever comes next starts anew instead of sharing a cancelled call.
    if (calls.get(key) === call) calls.delete(key)
    call.controller.abort(call.finished ? ALL_FINISHED : NOBODY_WAITS)
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
    startAnew(isConcerned) {
      for (const key of calls.keys()) if (isConcerned(key)) calls.delete(key)
    },
    get size() {
      return calls.size
    },
  }
}

/** Made once: a reason with a stack for every request costs a tenth of a millisecond. */
const NOBODY_WAITS = new DOMException('nobody waits for it any more', 'AbortError')
const ALL_FINISHED = new DOMException('all have finished with it', 'AbortError')

/** Whether the signal of a call fired when all that had joined it were finished with its value. */
export function allFinished(signal: AbortSignal): boolean {
  return signal.reason === ALL_FINISHED
}

function startCall<T>(start: (signal: AbortSignal) => Promise<T>): Call<T> {
  const controller = new AbortController()
  const value = start(controller.signal)
  // The last caller may have left before a rejection arrives; it is not unhandled, only unwanted.
  value.catch(() => undefined)
  return { value, controller, users: 0, finished: true }
}
