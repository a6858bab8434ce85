/** Fetches external media with checked addresses, few redirects, one deadline and a size limit. */

import { percentEncode } from '@media-proxy/shared/encoding/percent.ts'
import { formatRange, type RangeRequest } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { LOOP_HEADER } from '@media-proxy/shared/signing/own-request.ts'
import { codingsOf } from '@media-proxy/shared/store/coding/content-coding.ts'
import { errors, request } from 'undici'
import { type AddressPolicy, isAllowedHost, validateUrl } from './address-policy.ts'
import { type CookieJar, createCookieJar } from './cookies.ts'
import { failureOf, timeoutFailure } from './exchange-failure.ts'
import { type HttpResponse, requestLeniently } from './lenient-request.ts'
import { type Connector, createExemptConnector, createPinnedConnector } from './pinned-agent.ts'
import { discardResponse, type ExternalResponse, header, readResponse } from './response.ts'

export interface ExternalFetchOptions {
  readonly policy: AddressPolicy
  readonly nameServers: readonly string[]
  readonly userAgent: string
  /**
   * The name by which the service recognises its own requests. Undefined when it serves no external media.
   */
  readonly ownName: string | undefined
  /** The timeout of the whole exchange, in milliseconds: name resolution, connection, redirects and body. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

/**
 * Opens an external URL. Fails with `address-rejected`, `external-unreachable`, `external-timeout`,
 * `source-too-large`, `not-found` or `range-not-satisfiable`. The body errors with a `BodyError` when it
 * breaks off, exceeds the limit or outlasts the deadline. An abort of `signal` ends the exchange.
 */
export interface ExternalFetch {
  open(url: string, options: OpenOptions): Promise<ExternalResponse | Failure>
  close(): Promise<void>
}

export interface OpenOptions {
  readonly range?: RangeRequest
  readonly signal: AbortSignal
}

const MAX_REDIRECTS = 5
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
const CONNECT_TIMEOUT_MS = 10_000

export function createExternalFetch(options: ExternalFetchOptions): ExternalFetch {
  const { policy, nameServers, timeoutMs } = options
  const agentOptions = { policy, nameServers, connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs) }
  const pinned = createPinnedConnector(agentOptions)
  const exempt = createExemptConnector(agentOptions)
  const connectorOf = (url: URL) => (isAllowedHost(url, policy) ? exempt : pinned)

  return {
    async open(start, { range, signal: caller }) {
      const deadline = AbortSignal.timeout(timeoutMs)
      const signal = AbortSignal.any([caller, deadline])
      let url = new URL(start)
      const cookies = createCookieJar()
      let requestedRange = range
      for (let redirects = 0; redirects <= MAX_REDIRECTS; ) {
        const rejected = validateUrl(url, policy)
        if (rejected !== undefined) return rejected
        const answer = await ask(url, connectorOf(url), options, { range: requestedRange, cookies, signal })
        if (isFailure(answer)) {
          caller.throwIfAborted()
          return deadline.aborted ? timeoutFailure(timeoutMs) : answer
        }
        const target = redirectOf(answer)
        if (target === undefined) {
          const codings = codingsOf(header(answer, 'content-encoding'))
          if (isFailure(codings)) {
            discardResponse(answer)
            return fail('external-unreachable', codings.detail)
          }
          if (codings.length === 0 || requestedRange === undefined)
            return readResponse({ url, range: requestedRange }, answer, { ...options, codings }, deadline)
          // A part of encoded bytes is not a part of the file, so the whole file is requested instead.
          discardResponse(answer)
          requestedRange = undefined
          continue
        }
        discardResponse(answer)
        cookies.keep(url, answer.headers['set-cookie'])
        if (!URL.canParse(target, url.href)) return fail('external-unreachable', 'a redirect to no URL')
        url = new URL(target, url.href)
        redirects += 1
      }
      return fail('external-unreachable', 'too many redirects')
    },

    async close() {
      await Promise.all([pinned.agent.destroy(), exempt.agent.destroy()])
    },
  }
}

/**
 * Returns the target of a redirect. Undefined for any other response. Many servers write it in raw UTF-8. As
 * in browsers, the same bytes are sent back percent-encoded.
 */
function redirectOf(answer: HttpResponse): string | undefined {
  if (!REDIRECTS.includes(answer.statusCode)) return undefined
  const location = header(answer, 'location')
  return location === undefined ? undefined : percentEncode(location, /[\x80-\xff]/g)
}

/** What differs between the requests that one fetch sends. */
interface RequestDetails {
  readonly range: RangeRequest | undefined
  readonly cookies: CookieJar
  readonly signal: AbortSignal
}

async function ask(
  url: URL,
  connector: Connector,
  { userAgent, ownName, timeoutMs }: ExternalFetchOptions,
  { range, cookies, signal }: RequestDetails,
): Promise<HttpResponse | Failure> {
  const target = new URL(url)
  target.hash = ''
  const cookie = cookies.headerFor(url)
  const headers = {
    accept: '*/*',
    // Decoded bytes would have another length than the server
    // declares, and a decompression bomb would have no bound.
    'accept-encoding': 'identity',
    'user-agent': userAgent,
    ...(ownName === undefined ? {} : { [LOOP_HEADER]: ownName }),
    ...(cookie === undefined ? {} : { cookie }),
    ...(range === undefined ? {} : { range: formatRange(range) }),
  }
  const timeouts = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  try {
    const strict = await request(target, { dispatcher: connector.agent, signal, headers, ...timeouts }).catch(
      (error: unknown) => {
        if (isMalformed(error) || isClosedEarly(error)) return undefined
        throw error
      },
    )
    if (strict !== undefined && !hasTwoLengths(strict)) return strict
    if (strict !== undefined) discardResponse(strict)
    return await requestLeniently(target, connector, headers, signal)
  } catch (error) {
    return failureOf(error, timeoutMs)
  }
}

/** Whether a request failed because the response is not valid HTTP. */
function isMalformed(error: unknown): boolean {
  if (error instanceof errors.HTTPParserError) return true
  // A short response with two lengths is complete before its header is returned.
  return error instanceof errors.ResponseContentLengthMismatchError
}

/**
 * Whether the connection ended before the response. A server may close an idle connection at the moment at
 * which the next request is sent on it, so the request is sent once more, on a new connection (RFC 9112,
 * section 9.5), as in browsers. The strict parser also ends the connection at a `100 Continue`.
 */
function isClosedEarly(error: unknown): boolean {
  if (error instanceof errors.SocketError) return true
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

/**
 * Whether a response declares its length twice. The strict parser fails at the end of its body; the transfer
 * coding overrides the length (RFC 9112, section 6.3).
 */
function hasTwoLengths({ headers }: HttpResponse): boolean {
  return headers['content-length'] !== undefined && headers['transfer-encoding'] !== undefined
}
