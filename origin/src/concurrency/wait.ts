import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'

/**
 * Waits for shared work on behalf of one caller. When the signal of this caller fires first, the work
 * continues for the others, and this caller gets `deadline` or `client-gone`.
 */
export async function waitFor<T>(work: Promise<T>, signal: AbortSignal): Promise<T | Failure> {
  if (signal.aborted) return abortFailure(signal)
  const { promise: left, resolve } = Promise.withResolvers<Failure>()
  const onAbort = () => resolve(abortFailure(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, left])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Waits for two results, and for no more than the first failure of them: the other one is then that failure,
 * too.
 */
export async function waitForBoth<A, B>(
  first: Promise<A>,
  second: Promise<B>,
  signal: AbortSignal,
): Promise<readonly [A | Failure, B | Failure]> {
  const { promise: failed, resolve } = Promise.withResolvers<Failure>()
  const reportFailure = <T>(value: T): T => {
    if (isFailure(value)) resolve(value)
    return value
  }
  // `Promise.all` handles a rejection of either promise, so that none is left unhandled.
  const both = Promise.all([first.then(reportFailure), second.then(reportFailure)])
  const waited = await waitFor(Promise.race([both, failed]), signal)
  return isFailure(waited) ? [waited, waited] : waited
}

/**
 * Returns the failure for a signal that has fired: `deadline` for its deadline, `client-gone` for a client
 * that disconnected.
 */
export function abortFailure(signal: AbortSignal): Failure {
  const timedOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
  return timedOut ? fail('deadline') : fail('client-gone')
}
