/** What the operator learns of a request at the edge: one structured log line and one data point. */

import { detailOf } from '@media-proxy/shared/request/explain.ts'
import { routeOf } from '@media-proxy/shared/request/route.ts'
import { traceIdOf } from '@media-proxy/shared/trace-context.ts'
import type { Handled } from './gateway.ts'

/** Paths, queries, signatures and addresses of clients are in neither. */
export function report(
  { response, exchange, parsed, failure }: Handled,
  requests?: AnalyticsEngineDataset,
): void {
  const { method, requestId, traceparent, timings } = exchange
  const route = routeOf(parsed)
  const cache = response.headers.get('x-cache') ?? 'BYPASS'
  const bytes = Number(response.headers.get('content-length') ?? 0)
  const { status } = response
  console.log({
    message: 'request',
    requestId,
    traceId: traceIdOf(traceparent),
    method,
    route,
    status,
    bytes,
    cache,
    ms: timings.totalMs(),
    ...(failure === undefined ? {} : { failure: failure.code, detail: detailOf(failure) }),
  })
  requests?.writeDataPoint({
    indexes: [route],
    blobs: [route, method, String(status), cache, failure?.code ?? ''],
    doubles: [timings.totalMs(), bytes],
  })
}
