/** Handles the requests at the edge that are not for media: service endpoints, upload relay, playground. */

import type { EndpointRequest, PlaygroundRequest } from '@media-proxy/shared/request/media-request.ts'
import type { OwnUrls } from '@media-proxy/shared/request/own-url.ts'
import { validateMethod } from '@media-proxy/shared/request/parse.ts'
import { MAX_PURGE_BYTES, parsePurge } from '@media-proxy/shared/request/purge.ts'
import { readBody } from '@media-proxy/shared/request/read-body.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { jsonResponse, redirectResponse, textResponse } from '@media-proxy/shared/response/plain.ts'
import { givenTrace } from '@media-proxy/shared/trace-context.ts'
import type { Delivery } from './delivery-request.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { forward, pick, playgroundHeaders } from './forward.ts'
import type { Purge } from './purge.ts'
import { answerReady } from './readiness.ts'
import type { StaticSite } from './static-site.ts'

export interface ServiceOptions {
  readonly delivery: Delivery
  /** The service's own URLs, whose media are in the store. */
  readonly ownUrls: OwnUrls
  readonly purge: Purge
  /** Checks the internal secret. Fails with `bad-secret`. */
  readonly checkSecret: (headers: Headers) => Promise<Failure | undefined>
  /** Whether `/_playground` is forwarded to the origin. */
  readonly hasPlayground: boolean
  /** Whether `/_openapi.json` is forwarded to the origin. */
  readonly hasDescription: boolean
  /** Whether `/` redirects to the playground. */
  readonly leadsToPlayground: boolean
  /** Serves everything except the service endpoints in static mode. Undefined in other modes. */
  readonly staticSite: StaticSite | undefined
}

/** Answers a service endpoint at the edge, or forwards it to the origin. */
export async function answerEndpoint(
  { endpoint }: EndpointRequest,
  exchange: EdgeExchange,
  options: ServiceOptions,
): Promise<Delivered | Failure> {
  switch (endpoint) {
    case 'health':
      return { response: textResponse('OK', 200, exchange), cache: 'BYPASS' }
    case 'metrics':
      return fail('forbidden', 'metrics at the edge')
    case 'ready':
      return answerReady(exchange, options.staticSite, options.delivery.origin)
    case 'telemetry':
    case 'openapi':
      return (await exchange.requestLimits.consume('requests')) ?? forward(options.delivery.origin, exchange)
    case 'metadata':
    case 'thumbnail':
    case 'frames':
    case 'sniff':
    case 'prepare':
    case 'purge': {
      const rejected = await options.checkSecret(exchange.headers)
      if (rejected !== undefined) return (await exchange.requestLimits.consume('bad-signatures')) ?? rejected
      const limited = await exchange.requestLimits.consume('internal')
      if (limited !== undefined) return limited
      // A caller with the secret may also decide what is traced.
      const trusted = { ...exchange, traceparent: givenTrace(exchange.headers) ?? exchange.traceparent }
      return endpoint === 'purge' ? answerPurge(trusted, options) : forward(options.delivery.origin, trusted)
    }
  }
}

/** Forwards an upload to the origin, which has the store and verifies the token. The body is streamed. */
export async function answerRelay(
  exchange: EdgeExchange,
  { delivery }: ServiceOptions,
): Promise<Delivered | Failure> {
  const limited = exchange.method === 'OPTIONS' ? undefined : await exchange.requestLimits.consume('requests')
  if (limited !== undefined) return limited
  // `fetch` does not allow TRACE (Fetch standard, forbidden method). The origin rejects DELETE in the same
  // way.
  return forward(delivery.origin, exchange.method === 'TRACE' ? { ...exchange, method: 'DELETE' } : exchange)
}

/** Forwards a playground request to the origin, together with the host name of the client's request. */
export async function answerPlayground(
  request: PlaygroundRequest,
  exchange: EdgeExchange,
  { hasPlayground, leadsToPlayground, delivery }: ServiceOptions,
): Promise<Delivered | Failure> {
  if (request.resource === 'entrance') {
    if (!leadsToPlayground) return fail('no-route')
    const rejected = validateMethod(request, exchange.method)
    return rejected ?? { response: redirectResponse('/_playground', exchange), cache: 'BYPASS' }
  }
  if (!hasPlayground) return fail('no-route')
  const limited = await exchange.requestLimits.consume('requests')
  return limited ?? forward(delivery.origin, exchange, playgroundHeaders(exchange.headers))
}

/**
 * Purges the origin and the edge. The origin is first, so that the edge's next requests get current media.
 */
async function answerPurge(
  exchange: EdgeExchange,
  { delivery, purge, ownUrls }: ServiceOptions,
): Promise<Delivered | Failure> {
  if (Number(exchange.headers.get('content-length') ?? 0) > MAX_PURGE_BYTES) return fail('source-too-large')
  const bytes = await readBody(exchange.request.body ?? [], MAX_PURGE_BYTES)
  if (isFailure(bytes)) return bytes
  const body = new TextDecoder().decode(bytes)
  const names = parsePurge(body, ownUrls)
  if (isFailure(names)) return names
  const headers = pick(exchange.headers, ['authorization', 'x-internal-secret'])
  const response = await delivery.origin({ method: 'POST', path: '/_purge', headers, body }, exchange)
  const failure = await purge(names)
  const isOriginPurged = !isFailure(response) && response.ok
  // The client gets one of the two failures.
  if (failure !== undefined && !isOriginPurged)
    console.warn({
      message: 'the purge of the edge failed',
      requestId: exchange.requestId,
      error: failure.detail,
    })
  if (isFailure(response)) return response
  if (!response.ok) return { response: new Response(response.body, response), cache: 'BYPASS' }
  if (failure !== undefined) return failure
  const { removed } = await response.json<{ removed: number }>()
  return { response: jsonResponse({ removed }, exchange), cache: 'BYPASS' }
}
