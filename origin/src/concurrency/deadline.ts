/**
 * A deadline that ends with its work. That of `AbortSignal.timeout` lives on until it fires, and keeps all that its
 * request knew until then: half a minute of finished requests.
 */

export interface Deadline extends Disposable {
  /** Fires with the signal it was made of, or when the time is over (a `TimeoutError`); never once it is disposed of. */
  readonly signal: AbortSignal
}

/** Starts a deadline of so many milliseconds for what `caller` may end before. */
export function startDeadline(caller: AbortSignal, milliseconds: number): Deadline {
  const controller = new AbortController()
  const onCaller = () => controller.abort(caller.reason)
  if (caller.aborted) onCaller()
  else caller.addEventListener('abort', onCaller, { once: true })
  const timer = setTimeout(() => {
    controller.abort(new DOMException(`nothing within ${milliseconds} ms`, 'TimeoutError'))
  }, milliseconds)
  timer.unref()
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer)
      caller.removeEventListener('abort', onCaller)
    },
  }
}
