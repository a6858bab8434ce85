import { CONDITIONAL_HEADERS } from '@media-proxy/shared/response/conditional.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { ASKED_HOST_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { markedBody } from './marked-body.ts'
import type { FetchOrigin } from './origin.ts'

const BODY_HEADERS = ['content-length', 'content-type'] as const

/** What of a client's request the origin gets to see. */
const FORWARDED_HEADERS = [
  'accept',
  'authorization',
  ...BODY_HEADERS,
  ...CONDITIONAL_HEADERS,
  'if-range',
  'range',
  'x-internal-secret',
]

/** Passes a request on as it is and its answer back, past the cache. */
export async function forward(
  origin: FetchOrigin,
  exchange: EdgeExchange,
  extraHeaders: Readonly<Record<string, string>> = {},
): Promise<Delivered | Failure> {
  const { request, method, timings } = exchange
  const { pathname, search } = exchange.url
  // A body of these cannot be fetched (Fetch standard, the constructor of Request), and nobody reads one.
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const headers = { ...pick(exchange.headers, FORWARDED_HEADERS), ...extraHeaders }
  if (!hasBody) for (const name of BODY_HEADERS) delete headers[name]
  const given = hasBody ? request.body : null
  // A length tells by itself whether all of a body has come.
  const isSafe = given === null || 'content-length' in headers
  const { body, headers: mark } = isSafe ? { body: given, headers: {} } : markedBody(given)
  const response = await timings.measure('origin', () =>
    origin({ method, path: pathname + search, headers: { ...headers, ...mark }, body }, exchange),
  )
  return isFailure(response) ? response : { response: mutable(response), cache: 'BYPASS' }
}

/** What the playground checks its caller by: the host of this door, and whether something stands before it. */
export function playgroundHeaders(headers: Headers): Record<string, string> {
  const names = ['origin', 'sec-fetch-site', 'forwarded', 'x-forwarded-for']
  return { ...pick(headers, names), [ASKED_HOST_HEADER]: headers.get('host') ?? '' }
}

/** The named headers that are there. */
export function pick(headers: Headers, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
}

/** The same answer with headers that can be added to, without those that are of the way to the origin. */
export function mutable(response: Response): Response {
  const copy = new Response(response.body, response)
  for (const name of WAY_HEADERS) copy.headers.delete(name)
  return copy
}

/**
 * What an answer of the origin has of its connection, of what stands before the origin (a balancer names by a cookie who
 * answers whom), and of the budgets of whoever asked: none of it is a client's, much less that of those for whom it is kept.
 */
export const WAY_HEADERS = [
  ...(['connection', 'keep-alive', 'date', 'transfer-encoding'] as const),
  ...(['age', 'alt-svc', 'nel', 'report-to', 'set-cookie', 'via'] as const),
  ...(['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'] as const),
  ...(['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'] as const),
]
