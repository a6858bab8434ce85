/** `GET /_metrics`: for who holds the internal secret, and for a collector on this very machine. */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { isEdgeClaimed } from '@media-proxy/shared/signing/edge-request.ts'
import ipaddr from 'ipaddr.js'
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
  const body = exchange.method === 'HEAD' ? null : await metrics.exposition()
  return {
    response: new Response(body, {
      headers: {
        'content-type': 'text/plain; version=0.0.4; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-request-id': exchange.requestId,
      },
    }),
  }
}

/** A peer on loopback that speaks for itself: a proxy or tunnel on this machine passes on the requests of strangers. */
function isLocal({ peer, headers }: Exchange): boolean {
  if (!ipaddr.isValid(peer) || ipaddr.process(peer).range() !== 'loopback' || isEdgeClaimed(headers))
    return false
  return ![...headers.keys()].some(
    (name) => name === 'forwarded' || name === 'x-forwarded-for' || name.startsWith('cf-'),
  )
}
