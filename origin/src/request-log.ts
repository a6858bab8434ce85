import { detailOf } from '@media-proxy/shared/request/explain.ts'
import type { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { routeOf } from '@media-proxy/shared/request/route.ts'
import type { Failure } from '@media-proxy/shared/response/failure.ts'
import { traceIdOf } from '@media-proxy/shared/trace-context.ts'
import { trace } from '@opentelemetry/api'
import type { Answer, Exchange } from './routes/exchange.ts'
import type { Log } from './telemetry/log.ts'
import type { Labels } from './telemetry/metric-table.ts'
import type { Metrics } from './telemetry/metrics.ts'

type Parsed = ReturnType<typeof parseRequest>

/**
 * The facts about a request for the log, metrics and traces. They contain the route but not the URL, because
 * paths contain names and addresses.
 */
export interface RequestReport {
  readonly requestId: string
  readonly traceId: string | undefined
  readonly method: string
  readonly route: string
  readonly status: number
  readonly bytes: number
  readonly outcome?: Answer['outcome']
  readonly failure?: Failure
}

/** Describes a request and its response for the log and the metrics. */
export function reportOf(
  { requestId, method, headers }: Exchange,
  parsed: Parsed,
  { response, bodyBytes, outcome, failure }: Answer,
): RequestReport {
  return {
    requestId,
    method,
    route: routeOf(parsed),
    status: response.status,
    traceId: traceIdNow(headers),
    bytes: bodyBytes ?? Number(response.headers.get('content-length') ?? 0),
    ...(outcome === undefined ? {} : { outcome }),
    ...(failure === undefined ? {} : { failure }),
  }
}

/** Returns the attributes of a request in metrics and traces, by the semantic conventions of OpenTelemetry. */
export function requestAttributes({ method, route, status }: RequestReport): Labels {
  return {
    'http.request.method': KNOWN_METHODS.has(method) ? method : '_OTHER',
    'http.route': route,
    'http.response.status_code': status,
  }
}

/** A client may send any method. As a label it would have unlimited values. */
const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'OPTIONS',
  'PUT',
  'DELETE',
  'PATCH',
])

/** The parts of a report that the metrics need besides the attributes. */
export type RecordedReport = Pick<RequestReport, 'route' | 'bytes' | 'outcome' | 'failure'>

/** Records a request in the metrics. `milliseconds` is its duration. */
export function recordRequest(
  metrics: Metrics,
  attributes: Labels,
  { route, bytes, outcome, failure }: RecordedReport,
  milliseconds: number,
): void {
  metrics.record('http.server.request.duration', milliseconds / 1000, attributes)
  metrics.record('http.server.response.body.size', bytes, { 'http.route': route })
  if (outcome !== undefined && outcome !== 'streamed')
    metrics.count('media_proxy.rendition.answers', { outcome })
  if (failure !== undefined) metrics.count('media_proxy.failures', { failure: failure.code })
}

export interface RequestTimes {
  readonly milliseconds: number
  readonly stages: ReadonlyMap<string, number>
}

/** Writes one log record per request. */
export function logRequest(
  log: Log,
  { failure, outcome, ...report }: RequestReport,
  { milliseconds, stages }: RequestTimes,
): void {
  const level = report.status >= 500 ? 'warn' : 'info'
  if (!log.isLevelEnabled(level)) return
  log[level](
    {
      ...report,
      ms: tenths(milliseconds),
      ...(stages.size === 0 ? {} : { stages: formatStages(stages) }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(failure === undefined ? {} : { failure: failure.code, detail: detailOf(failure) }),
    },
    'request',
  )
}

/** Returns the id of the current trace. Without tracing, that of the caller. */
function traceIdNow(headers: Headers): string | undefined {
  const running = trace.getActiveSpan()?.spanContext().traceId
  if (running !== undefined && !/^0+$/.test(running)) return running
  return traceIdOf(headers.get('traceparent'))
}

function formatStages(stages: RequestTimes['stages']): Record<string, number> {
  return Object.fromEntries([...stages].map(([stage, milliseconds]) => [stage, tenths(milliseconds)]))
}

/** Rounds to tenths of a millisecond. */
export function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
