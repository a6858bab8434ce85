import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'

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
 * Returns the failure for a signal that has fired: `deadline` for its deadline, `client-gone` for a client
 * that disconnected.
 */
export function abortFailure(signal: AbortSignal): Failure {
  const timedOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
  return timedOut ? fail('deadline') : fail('client-gone')
}
