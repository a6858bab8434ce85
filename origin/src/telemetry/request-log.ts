import type { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { routeOf } from '@media-proxy/shared/request/route.ts'
import type { Answer, Exchange } from '../routes/answer.ts'
import type { Log } from './log.ts'

/** One line a request. Only the route is told of its URL: paths hold names, and external ones whole addresses. */
export function logRequest(
  log: Log,
  exchange: Exchange,
  parsed: ReturnType<typeof parseRequest>,
  { response, outcome, failure }: Answer,
  durationMs: number,
): void {
  const level = response.status >= 500 && failure?.failure !== 'not-implemented' ? 'warn' : 'info'
  if (!log.isLevelEnabled(level)) return
  log[level](
    {
      requestId: exchange.requestId,
      method: exchange.method,
      route: routeOf(parsed),
      status: response.status,
      bytes: Number(response.headers.get('content-length') ?? 0),
      ms: Math.round(durationMs * 10) / 10,
      ...(outcome === undefined ? {} : { outcome }),
      ...(failure === undefined ? {} : { failure: failure.failure, detail: failure.detail }),
    },
    'request',
  )
}
