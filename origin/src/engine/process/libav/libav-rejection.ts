/** Errors for data that libav rejects while it is processing a file. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'

/**
 * Thrown by the callbacks of decoders, filters and encoders. The function that started the work returns it as
 * a failure.
 */
export class LibavRejection extends Error {
  override readonly name = 'LibavRejection'
}

/** Runs some work. Returns `undecodable` when libav rejects the data. */
export function asFailure<T>(work: () => T): T | Failure {
  try {
    return work()
  } catch (error) {
    return rejection(error)
  }
}

/** Runs some work that waits. Returns `undecodable` when libav rejects the data. */
export async function asFailureLater<T>(work: () => Promise<T>): Promise<T | Failure> {
  try {
    return await work()
  } catch (error) {
    return rejection(error)
  }
}

function rejection(error: unknown): Failure {
  if (error instanceof LibavRejection) return fail('undecodable', error.message)
  throw error
}
