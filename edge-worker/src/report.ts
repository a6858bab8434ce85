/**
 * Reports a request at the edge with one structured log record and one data point. The platform charges about
 * three times the price of a cache hit for the two, so only a share of the ordinary responses is reported.
 */

import { detailOf } from '@media-proxy/shared/request/explain.ts'
import { routeOf } from '@media-proxy/shared/request/route.ts'
import { traceIdOf } from '@media-proxy/shared/trace-context.ts'
import type { Handled } from './gateway.ts'

export interface ReportOptions {
  /** The share of ordinary responses that are reported, 0..1. */
  readonly ordinaryRatio: number
  readonly requests: AnalyticsEngineDataset | undefined
}

/**
 * Reports a request. Neither record contains paths, signatures or client addresses. Of a query, the log record
 * of a rejected request contains the value that was rejected.
 */
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
    // The last value is the number of requests that this data point represents.
    doubles: [timings.totalMs(), bytes, ordinary ? 1 / ordinaryRatio : 1],
  })
}

/**
 * Whether a request was answered, or its object is missing. A rejected attachment has the same response as a
 * missing object, so the log must always record it.
 */
function isOrdinary({ response: { status }, exchange: { method }, failure }: Handled): boolean {
  const isAnswered = status < 400 || (status === 404 && failure?.code !== 'attachment-rejected')
  return isAnswered && ORDINARY_METHODS.has(method)
}

const ORDINARY_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
