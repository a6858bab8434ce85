/** The failures of calls of the client. */

export type ClientFailureCode =
  /** 400: the service rejects the request or the media; `message` is its phrase. */
  | 'rejected'
  /** 401 or 403. */
  | 'unauthorized'
  /** 404. */
  | 'not-found'
  /** 413. */
  | 'too-large'
  /** 429; see `retryAfterSeconds`. */
  | 'rate-limited'
  /** 5xx: the service, its store or an upstream failed. The call can be retried. */
  | 'unavailable'
  /** There was no complete response within the timeout. */
  | 'timeout'
  /** The caller's signal aborted the call. */
  | 'cancelled'
  /** The connection failed. */
  | 'unreachable'
  /** The response does not come from this service. */
  | 'unexpected'

export interface ClientFailure {
  readonly failure: ClientFailureCode
  /** The phrase of the service, or a description of the error when there was no response. */
  readonly message: string
  readonly status?: number
  /** The time after which to retry, in seconds. */
  readonly retryAfterSeconds?: number
  /** The request id in the logs of the service. */
  readonly requestId?: string
}

/** Whether a value is a failure. */
export function isClientFailure(value: unknown): value is ClientFailure {
  return typeof value === 'object' && value !== null && 'failure' in value && 'message' in value
}

/** Creates the failure for a response that the service never sends. */
export function unexpected(message: string, status?: number): ClientFailure {
  return { failure: 'unexpected', message, ...(status === undefined ? {} : { status }) }
}

/** The largest message taken from a response, in characters. Another server may send a whole page. */
const MAX_PHRASE = 200

/** Reads the failure from a response with an error status. */
export async function failureOfResponse(response: Response): Promise<ClientFailure> {
  const { status, headers } = response
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN)
  const requestId = headers.get('x-request-id')
  return {
    failure: codeOf(status),
    message: (await response.text()).slice(0, MAX_PHRASE),
    status,
    ...(Number.isFinite(retryAfter) ? { retryAfterSeconds: retryAfter } : {}),
    ...(requestId === null ? {} : { requestId }),
  }
}

function codeOf(status: number): ClientFailureCode {
  if (status >= 500) return 'unavailable'
  switch (status) {
    case 400:
      return 'rejected'
    case 401:
    case 403:
      return 'unauthorized'
    case 404:
      return 'not-found'
    case 413:
      return 'too-large'
    case 429:
      return 'rate-limited'
    default:
      return 'unexpected'
  }
}

/** Returns the failure of a call without a complete response. Throws an error that no connection causes. */
export function failureOfError(
  error: unknown,
  { timedOut, cancelled }: { readonly timedOut: boolean; readonly cancelled: boolean },
): ClientFailure {
  if (cancelled) return { failure: 'cancelled', message: 'the caller ended the call' }
  if (timedOut) return { failure: 'timeout', message: 'no whole answer within the time limit' }
  if (error instanceof SyntaxError) return unexpected('the answer is not JSON')
  // `fetch` throws a `TypeError` for a failed connection, a truncated response and a redirect.
  if (error instanceof TypeError) return { failure: 'unreachable', message: reasonOf(error) }
  throw error
}

function reasonOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
