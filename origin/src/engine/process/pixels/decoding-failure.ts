import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'

/**
 * Converts an exception of Sharp, which is always about the source, to a failure. The source determines the
 * message, so it is cut for the log.
 */
export function decodingFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  return fail('undecodable', message.slice(0, 200))
}
