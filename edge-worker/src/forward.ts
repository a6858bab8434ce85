import { CONDITIONAL_HEADERS } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { ASKED_HOST_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { markedBody } from './marked-body.ts'
import type { FetchOrigin } from './origin.ts'

const BODY_HEADERS = ['content-length', 'content-type'] as const

/** The headers of a client's request that are forwarded to the origin. */
const FORWARDED_HEADERS = [
  'accept',
  'authorization',
  ...BODY_HEADERS,
  ...CONDITIONAL_HEADERS,
  'if-range',
  'range',
  'x-internal-secret',
]

/** Forwards a request to the origin unchanged and returns its response, without the cache. */
export async function forward(
  origin: FetchOrigin,
  exchange: EdgeExchange,
  extraHeaders: Readonly<Record<string, string>> = {},
): Promise<Delivered | Failure> {
  const { request, method, timings } = exchange
  const { pathname, search } = exchange.url
  // `fetch` does not allow a body for these methods (Fetch standard, the constructor of Request), and it is
  // never read.
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const headers = { ...pick(exchange.headers, FORWARDED_HEADERS), ...extraHeaders }
  if (!hasBody) for (const name of BODY_HEADERS) delete headers[name]
  const given = hasBody ? request.body : null
  // With a length, the origin can detect a truncated body without an end mark.
  const isSafe = given === null || 'content-length' in headers
  const { body, headers: mark } = isSafe ? { body: given, headers: {} } : markedBody(given)
  const response = await timings.measure('origin', () =>
    origin({ method, path: pathname + search, headers: { ...headers, ...mark }, body }, exchange),
  )
  return isFailure(response) ? response : { response: mutable(response), cache: 'BYPASS' }
}

/**
 * Returns the headers by which the playground checks its caller: the edge's host, and whether a proxy is in
 * front of it.
 */
export function playgroundHeaders(headers: Headers): Record<string, string> {
  const names = ['origin', 'sec-fetch-site', 'forwarded', 'x-forwarded-for']
  return { ...pick(headers, names), [ASKED_HOST_HEADER]: headers.get('host') ?? '' }
}

/** Returns those of the named headers that are present. */
export function pick(headers: Headers, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
}

/** Returns a copy of a response with mutable headers, without those of the connection to the origin. */
export function mutable(response: Response): Response {
  const copy = new Response(response.body, response)
  for (const name of HOP_HEADERS) copy.headers.delete(name)
  return copy
}

/**
 * The headers of an origin's response that must not reach clients or the cache. They concern the connection,
 * proxies in front of the origin (a load balancer names a backend in a cookie), and the rate limits of the
 * requester.
 */
export const HOP_HEADERS = [
  ...(['connection', 'keep-alive', 'date', 'transfer-encoding'] as const),
  ...(['age', 'alt-svc', 'nel', 'report-to', 'set-cookie', 'via'] as const),
  ...(['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'] as const),
  ...(['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'] as const),
]
