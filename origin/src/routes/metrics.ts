/** `GET /_metrics`: for callers that know the internal secret, and for a collector on the same machine. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { isLocal, namesThisMachine } from '../gate/local-request.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'

export interface MetricsRouteOptions {
  readonly metrics: Metrics
  /** Fails with `bad-secret`. */
  readonly checkSecret: (headers: Headers) => Promise<Failure | undefined>
}

/** Serves `/_metrics`. A wrong secret counts as a wrong signature, and the response is `forbidden`. */
export async function serveMetrics(
  exchange: Exchange,
  { metrics, checkSecret }: MetricsRouteOptions,
): Promise<Answer> {
  const isCollector = !exchange.viaEdge && isLocal(exchange) && namesThisMachine(exchange.headers.get('host'))
  if (!isCollector && (await checkSecret(exchange.headers)) !== undefined) {
    const limited = await exchange.requestLimits.consume('bad-signatures')
    return reject(limited ?? fail('forbidden', 'metrics'), exchange.requestId)
  }
  const { method, requestId } = exchange
  return { response: await metricsResponse(metrics, method, requestId) }
}

/** Serves the separate metrics port (`metricsPort`). It serves nothing else, and needs no secret. */
export async function serveMetricsAlone(metrics: Metrics, request: Request): Promise<Response> {
  const requestId = requestIdOf(request.headers)
  if (URL.parse(request.url)?.pathname !== '/_metrics') return failureResponse(fail('no-route'), requestId)
  return request.method === 'GET' || request.method === 'HEAD'
    ? metricsResponse(metrics, request.method, requestId)
    : failureResponse(fail('method-not-allowed', undefined, { allow: 'GET, HEAD' }), requestId)
}

async function metricsResponse(metrics: Metrics, method: string, requestId: string): Promise<Response> {
  const body = method === 'HEAD' ? null : await metrics.exposition()
  return new Response(body, {
    headers: {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
    },
  })
}
