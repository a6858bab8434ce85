/**
 * A deadline that ends together with its work. The timer of `AbortSignal.timeout` stays alive until it fires
 * and keeps everything that its request references, which would be half a minute of finished requests.
 */

export interface Deadline extends Disposable {
  /**
   * Fires when the caller's signal fires, or with a `TimeoutError` when the time is over. Never fires once
   * the deadline is disposed of.
   */
  readonly signal: AbortSignal
}

/** Starts a deadline of a number of milliseconds. `caller` can abort it earlier. */
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
