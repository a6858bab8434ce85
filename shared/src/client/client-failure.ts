/** How a call of the client can end without what it asked for. */

export type ClientFailureCode =
  /** 400: the request, or media that the service does not take; `message` is its phrase. */
  | 'refused'
  /** 401 or 403. */
  | 'unauthorized'
  /** 404. */
  | 'not-found'
  /** 413. */
  | 'too-large'
  /** 429; see `retryAfterSeconds`. */
  | 'rate-limited'
  /** 5xx: the service, its store, or an upstream; worth another try. */
  | 'unavailable'
  /** No answer, or no end of one, within the time limit. */
  | 'timeout'
  /** The caller's own signal. */
  | 'cancelled'
  /** No connection. */
  | 'unreachable'
  /** An answer that is none of this service's. */
  | 'unexpected'

export interface ClientFailure {
  readonly failure: ClientFailureCode
  /** The service's phrase, or what went wrong before there was one. */
  readonly message: string
  readonly status?: number
  /** Seconds after which another try makes sense. */
  readonly retryAfterSeconds?: number
  /** The request's name in the logs of the service. */
  readonly requestId?: string
}

/** Tells a failure from the value that was hoped for. */
export function isClientFailure(value: unknown): value is ClientFailure {
  return typeof value === 'object' && value !== null && 'failure' in value && 'message' in value
}

export function unexpected(message: string, status?: number): ClientFailure {
  return { failure: 'unexpected', message, ...(status === undefined ? {} : { status }) }
}

/** Longest phrase that is passed on, in characters: an answer of something else may be a whole page. */
const MAX_PHRASE = 200

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
      return 'refused'
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

export function failureOfError(
  error: unknown,
  { timedOut, cancelled }: { readonly timedOut: boolean; readonly cancelled: boolean },
): ClientFailure {
  if (cancelled) return { failure: 'cancelled', message: 'the caller ended the call' }
  if (timedOut) return { failure: 'timeout', message: 'no whole answer within the time limit' }
  if (error instanceof SyntaxError) return unexpected('the answer is not JSON')
  // What fetch throws: no connection, an answer cut short, a redirect.
  if (error instanceof TypeError) return { failure: 'unreachable', message: reasonOf(error) }
  throw error
}

function reasonOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
