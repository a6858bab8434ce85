/**
 * Answers from memory that are given again without reading the request anew: parsing, routing and describing an answer
 * cost twice what sending it does. A request is the same where all that its answer depends on is: host, target, what it
 * accepts, and whether the edge asks. Who asks and how often is judged each time, and so is whether the rendition
 * still holds.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequestLimits, type RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { type ReadableHeaders, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { isEdgeClaimed } from '@media-proxy/shared/signing/edge-request.ts'
import { LRUCache } from 'lru-cache'
import type { Gate } from './gate/gate.ts'
import type { Pipeline } from './rendition/pipeline.ts'
import type { Rendition } from './rendition/rendition.ts'
import { type RequestReport, recordRequest, requestAttributes, tenths } from './request-log.ts'
import type { Answer, Exchange } from './routes/exchange.ts'
import type { Log } from './telemetry/log.ts'
import type { Labels } from './telemetry/metric-table.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface HotAnswers {
  /**
   * Answers a request that is like one before; resolves to false, with nothing sent, where it has to be answered anew.
   * Undefined where it is like none.
   */
  answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> | undefined
  /** Remembers an answer that the same request would get again. */
  remember(request: IncomingMessage, exchange: Exchange, answer: Answer, report: RequestReport): void
}

export interface HotAnswersOptions {
  readonly pipeline: Pick<Pipeline, 'fresh'>
  readonly gate: Gate
  readonly limiter: RateLimiter
  readonly metrics: Metrics
  readonly log: Log
}

/** An answer as it is sent, but for what each request has of its own. */
interface HotAnswer {
  readonly url: CanonicalUrl
  /** By which a rendition in memory is known to be the one that was described. */
  readonly etag: string
  readonly lastModified: number | undefined
  /** Names and values in turn. */
  readonly headers: readonly string[]
  /** Path of the request, by which limits skip it. */
  readonly path: string
  readonly report: Omit<RequestReport, 'requestId'>
  readonly attributes: Labels
  /** Has written what the lines of all its requests share. */
  readonly log: Log
}

const MAX_ANSWERS = 2000
/** Longer targets are read anew: what is remembered for them would cost more than it saves. */
const MAX_KEY_LENGTH = 4096
/** Each asks for something else than the whole, or for a trace. */
const READ_ANEW = [
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'traceparent',
]

export function createHotAnswers({ pipeline, gate, limiter, metrics, log }: HotAnswersOptions): HotAnswers {
  const answers = new LRUCache<string, HotAnswer>({ max: MAX_ANSWERS })

  function holding({ url, etag, lastModified }: HotAnswer): Rendition | undefined {
    const rendition = pipeline.fresh(url)
    if (rendition?.etag !== etag || rendition.lastModified?.getTime() !== lastModified) return undefined
    return rendition
  }

  async function send(
    hot: HotAnswer,
    { bytes }: Rendition,
    headers: ReadableHeaders,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<boolean> {
    const startedAt = performance.now()
    const peer = request.socket.remoteAddress ?? ''
    const admitted = await gate({ method: 'GET', path: request.url ?? '', headers, peer })
    if (isFailure(admitted)) return false
    let limits: Readonly<Record<string, string>> = {}
    if (!admitted.viaEdge) {
      const budgets = createRequestLimits(limiter, hot.path, admitted.clientAddress)
      if ((await budgets.consume('requests')) !== undefined) return false
      limits = budgets.headers
    }
    const requestId = requestIdOf(headers)
    response.writeHead(200, [...hot.headers, 'x-request-id', requestId, ...Object.entries(limits).flat()])
    response.end(bytes)
    const milliseconds = performance.now() - startedAt
    const report = { ...hot.report, requestId }
    recordRequest(metrics, hot.attributes, report, milliseconds)
    hot.log.info({ requestId, ms: tenths(milliseconds) }, 'request')
    return true
  }

  return {
    answer(request, response) {
      if (request.method !== 'GET' || request.httpVersion !== '1.1') return undefined
      const fields = request.headers
      const headers: ReadableHeaders = {
        get: (name) => fields[name]?.toString() ?? null,
        has: (name) => fields[name] !== undefined,
      }
      const key = keyOf(request, isEdgeClaimed(headers))
      const hot = answers.get(key)
      if (hot === undefined || READ_ANEW.some(headers.has) || countHosts(request.rawHeaders) !== 1)
        return undefined
      const rendition = holding(hot)
      if (rendition !== undefined) return send(hot, rendition, headers, request, response)
      answers.delete(key)
      return undefined
    },

    remember(
      request,
      { viaEdge, url, requestLimits },
      { response, repeatable },
      { requestId: _, ...report },
    ) {
      const key = keyOf(request, viaEdge)
      if (repeatable === undefined || key.length > MAX_KEY_LENGTH) return
      const own = new Set(['x-request-id', 'server-timing', ...Object.keys(requestLimits.headers)])
      answers.set(key, {
        url: repeatable.url,
        etag: repeatable.rendition.etag,
        lastModified: repeatable.rendition.lastModified?.getTime(),
        headers: [...response.headers].filter(([name]) => !own.has(name)).flat(),
        path: url.pathname,
        report: { ...report, traceId: undefined },
        attributes: requestAttributes({ requestId: '', ...report }),
        log: log.child({
          method: 'GET',
          route: report.route,
          status: 200,
          bytes: report.bytes,
          outcome: report.outcome,
        }),
      })
    },
  }
}

function keyOf({ url = '', headers }: IncomingMessage, viaEdge: boolean): string {
  // No target and no host has a line break.
  return [viaEdge ? 'edge' : '', headers.host ?? '', url, headers.accept ?? ''].join('\n')
}

/** RFC 9112, section 3.2: a request with two is refused, and Node tells the first alone. */
export function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts
}
