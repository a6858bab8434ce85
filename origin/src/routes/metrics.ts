/** `GET /_metrics`: for callers that know the internal secret, and for a collector on the same machine. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import ipaddr from 'ipaddr.js'
import { isPassedOn } from '../gate/proxy-headers.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'

export interface MetricsRouteOptions {
  readonly metrics: Metrics
  /** Fails with `bad-secret`. */
  readonly checkSecret: (headers: Headers) => Promise<Failure | undefined>
}

export async function serveMetrics(
  exchange: Exchange,
  { metrics, checkSecret }: MetricsRouteOptions,
): Promise<Answer> {
  if (!isLocal(exchange) && (await checkSecret(exchange.headers)) !== undefined) {
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

/**
 * Whether the request comes directly from this machine. A loopback peer is not enough, because a proxy or
 * tunnel on this machine forwards requests of other clients, and because a web page in a browser on this
 * machine can make its own host name resolve to this machine (DNS rebinding).
 */
function isLocal({ peer, headers }: Exchange): boolean {
  return isLoopback(peer) && isThisMachine(headers.get('host')) && !isPassedOn(headers, false)
}

/** Whether a `Host` header names this machine. HTTP/1.0 has none, and no browser omits it. */
function isThisMachine(host: string | null): boolean {
  if (host === null) return true
  if (!URL.canParse(`http://${host}`)) return false
  const { hostname } = new URL(`http://${host}`)
  return hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''))
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback'
}
