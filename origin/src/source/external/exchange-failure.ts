/** Classifies the errors of an exchange with an external server. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { errors } from 'undici'
import { ConnectionRejection } from './pinned-lookup.ts'

/** Returns the failure for an error of the connection, of the parser, or of the body. */
export function failureOf(error: unknown, timeoutMs: number): Failure {
  if (error instanceof ConnectionRejection) return error.failure
  if (
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError
  ) {
    return timeoutFailure(timeoutMs)
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  return fail('external-unreachable', code ?? (error instanceof Error ? error.name : 'unknown'))
}

/** Returns the failure of a fetch that took longer than `timeoutMs`. */
export function timeoutFailure(timeoutMs: number): Failure {
  return fail('external-timeout', `not done in ${timeoutMs} ms`)
}
