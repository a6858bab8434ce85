import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'

export interface OriginRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: ReadableStream<Uint8Array> | null
}

/** Sends a request to the origin. Fails with `origin-unreachable`. */
export type FetchOrigin = (request: OriginRequest) => Promise<Response | Failure>

export interface OriginOptions {
  readonly originUrl: string
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
}

/** When to try again where the origin cannot be reached, in seconds. */
const RETRY_AFTER_SECONDS = '5'

export function createOriginFetch({ originUrl, fetch }: OriginOptions): FetchOrigin {
  return async ({ method, path, headers, body }) => {
    try {
      return await fetch(`${originUrl}${path}`, {
        method,
        headers,
        // Followed redirects would carry the headers, secrets too, to wherever they lead.
        redirect: 'manual',
        ...(body == null ? {} : { body }),
      })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return fail('origin-unreachable', reason, { 'retry-after': RETRY_AFTER_SECONDS })
    }
  }
}
