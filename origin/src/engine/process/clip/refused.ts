/** What libav refuses in the middle of its work, because of what a file holds. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'

/** Thrown out of the callbacks of decoders, filters and encoders; whoever began the work gives it as a failure. */
export class RefusedByLibav extends Error {
  override readonly name = 'RefusedByLibav'
}

/** Does some work; what libav refuses of it is `undecodable`. */
export function orRefused<T>(work: () => T): T | Failure {
  try {
    return work()
  } catch (error) {
    if (error instanceof RefusedByLibav) return fail('undecodable', error.message)
    throw error
  }
}
