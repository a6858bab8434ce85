/**
 * What the operator learns of a request at the edge: one structured log line and one data point. The platform asks three
 * times the price of a hit for the two, so only a share of the ordinary answers has them.
 */

import { detailOf } from '@media-proxy/shared/request/explain.ts'
import { routeOf } from '@media-proxy/shared/request/route.ts'
import { traceIdOf } from '@media-proxy/shared/trace-context.ts'
import type { Handled } from './gateway.ts'

export interface ReportOptions {
  /** Share of the ordinary answers that are told of, 0..1. */
  readonly ordinaryRatio: number
  readonly requests: AnalyticsEngineDataset | undefined
}

/** Paths, queries, signatures and addresses of clients are in neither. */
export function report(handled: Handled, { ordinaryRatio, requests }: ReportOptions): void {
  const ordinary = isOrdinary(handled)
  if (ordinary && Math.random() >= ordinaryRatio) return
  const { response, exchange, parsed, failure } = handled
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
    // Each stands for so many requests.
    doubles: [timings.totalMs(), bytes, ordinary ? 1 / ordinaryRatio : 1],
  })
}

/** What was asked for and answered, or is not there. An attachment that is refused says no more, and the log has to. */
function isOrdinary({ response: { status }, exchange: { method }, failure }: Handled): boolean {
  const isAnswered = status < 400 || (status === 404 && failure?.code !== 'attachment-refused')
  return isAnswered && ORDINARY_METHODS.has(method)
}

const ORDINARY_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
