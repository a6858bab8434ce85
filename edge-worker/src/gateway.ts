/** The way of one request through the edge, top to bottom. */

import { canonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import type {
  AssetRequest,
  AttachmentRequest,
  FileRequest,
  MediaRequest,
} from '@media-proxy/shared/request/media-request.ts'
import { allowedMethods, judgeMethod, parseRequest } from '@media-proxy/shared/request/parse.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, optionsResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { type Delivered, type Delivery, deliver } from './delivery.ts'
import type { EdgeSettings } from './env.ts'
import { forward } from './forward.ts'
import type { FetchOrigin } from './origin.ts'
import { createTimings, type Timings } from './timings.ts'

export interface GatewayOptions {
  readonly settings: EdgeSettings
  readonly delivery: Delivery
  readonly origin: FetchOrigin
  readonly now: () => number
}

export interface GatewayContext {
  readonly waitUntil: (work: Promise<unknown>) => void
}

export type Gateway = (request: Request, context: GatewayContext) => Promise<Response>

/** One request at the edge. */
export interface EdgeExchange {
  readonly request: Request
  readonly method: string
  readonly headers: Headers
  readonly requestId: string
  readonly timings: Timings
  readonly waitUntil: (work: Promise<unknown>) => void
}

export function createGateway(options: GatewayOptions): Gateway {
  return async (request, { waitUntil }) => {
    const exchange: EdgeExchange = {
      request,
      method: request.method,
      headers: request.headers,
      requestId: requestIdOf(request.headers),
      timings: createTimings(options.now),
      waitUntil,
    }
    const parsed = parseRequest(new URL(request.url), {
      accept: request.headers.get('accept'),
      assets: options.settings.config.negotiateFormat !== 'off',
    })
    const answered = await answer(parsed, exchange, options)
    return finishAtEdge(answered, exchange)
  }
}

async function answer(
  parsed: MediaRequest | Failure,
  exchange: EdgeExchange,
  options: GatewayOptions,
): Promise<Delivered | Failure> {
  if (isFailure(parsed)) return parsed
  if (exchange.method === 'OPTIONS') {
    return { response: optionsResponse(allowedMethods(parsed), exchange.requestId), cache: 'BYPASS' }
  }
  const refused = judgeMethod(parsed, exchange.method)
  if (refused !== undefined) return refused
  // Signatures of external URLs and the budgets of clients are judged here, before anything is spent.
  switch (parsed.kind) {
    case 'asset':
    case 'attachment':
    case 'file':
      return deliver(options.delivery, parsed, canonicalUrl(parsed), isWhole(parsed), exchange)
    case 'external':
      return forward(options.origin, exchange)
    case 'endpoint':
      return parsed.endpoint === 'metrics'
        ? fail('forbidden', 'metrics at the edge')
        : forward(options.origin, exchange)
  }
}

/** Renditions are small and made whole; stored files may be of any size and are read by parts. */
function isWhole(request: AssetRequest | AttachmentRequest | FileRequest): boolean {
  return request.kind === 'asset' || (request.kind === 'attachment' && request.transformation !== undefined)
}

function finishAtEdge(answered: Delivered | Failure, { requestId, timings }: EdgeExchange): Response {
  const { response, cache } = isFailure(answered)
    ? { response: failureResponse(answered, requestId), cache: 'BYPASS' }
    : answered
  response.headers.set('x-cache', cache)
  response.headers.set('server-timing', timings.header())
  return response
}
