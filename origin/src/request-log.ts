import type { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { routeOf } from '@media-proxy/shared/request/route.ts'
import { traceIdOf } from '@media-proxy/shared/trace-context.ts'
import { trace } from '@opentelemetry/api'
import type { Answer, Exchange } from './routes/exchange.ts'
import type { Log } from './telemetry/log.ts'
import type { Labels } from './telemetry/metric-table.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Stages } from './telemetry/observer.ts'

type Parsed = ReturnType<typeof parseRequest>

/** What metrics and traces say of a request: of its URL only the route, since paths hold names and addresses. */
export function requestAttributes({ method }: Exchange, parsed: Parsed, { response }: Answer): Labels {
  return {
    'http.request.method': KNOWN_METHODS.has(method) ? method : '_OTHER',
    'http.route': routeOf(parsed),
    'http.response.status_code': response.status,
  }
}

/** A method is any word a client likes: as a label it would have endless values. */
const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'OPTIONS',
  'PUT',
  'DELETE',
  'PATCH',
])

export function recordRequest(
  metrics: Metrics,
  attributes: Labels,
  answer: Answer,
  milliseconds: number,
): void {
  const { outcome, failure } = answer
  metrics.record('http.server.request.duration', milliseconds / 1000, attributes)
  metrics.record('http.server.response.body.size', bytesOf(answer), {
    'http.route': attributes['http.route'] ?? 'none',
  })
  if (outcome !== undefined && outcome !== 'streamed')
    metrics.count('media_proxy.rendition.answers', { outcome })
  if (failure !== undefined) metrics.count('media_proxy.refusals', { failure: failure.code })
}

function bytesOf({ bodyBytes, response }: Answer): number {
  return bodyBytes ?? Number(response.headers.get('content-length') ?? 0)
}

export interface RequestTimes {
  readonly milliseconds: number
  readonly stages: Stages
}

/** One line a request. */
export function logRequest(
  log: Log,
  exchange: Exchange,
  parsed: Parsed,
  answer: Answer,
  { milliseconds, stages }: RequestTimes,
): void {
  const { response, outcome, failure } = answer
  const level = response.status >= 500 ? 'warn' : 'info'
  if (!log.isLevelEnabled(level)) return
  log[level](
    {
      requestId: exchange.requestId,
      traceId: traceIdNow(exchange.headers),
      method: exchange.method,
      route: routeOf(parsed),
      status: response.status,
      bytes: bytesOf(answer),
      ms: tenths(milliseconds),
      ...(stages.size === 0 ? {} : { stages: formatStages(stages) }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(failure === undefined ? {} : { failure: failure.code, detail: failure.detail }),
    },
    'request',
  )
}

/** The running trace's id; without tracing, that of the caller. */
function traceIdNow(headers: Headers): string | undefined {
  const running = trace.getActiveSpan()?.spanContext().traceId
  if (running !== undefined && !/^0+$/.test(running)) return running
  return traceIdOf(headers.get('traceparent'))
}

function formatStages(stages: Stages): Record<string, number> {
  return Object.fromEntries([...stages].map(([stage, milliseconds]) => [stage, tenths(milliseconds)]))
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
