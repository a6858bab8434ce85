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
import { type HeaderRecord, type ReadableHeaders, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { isEdgeClaimed } from '@media-proxy/shared/signing/edge-request.ts'
import { LRUCache } from 'lru-cache'
import type { Gate } from './gate/gate.ts'
import type { Pipeline } from './rendition/pipeline.ts'
import type { Rendition } from './rendition/rendition.ts'
import {
  type RecordedReport,
  type RequestReport,
  recordRequest,
  requestAttributes,
  tenths,
} from './request-log.ts'
import type { Answer, Exchange } from './routes/exchange.ts'
import type { Log } from './telemetry/log.ts'
import type { Labels } from './telemetry/metric-table.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface HotAnswers {
  /** Answers a request that is like one before; false, with nothing sent, where it has to be answered anew. */
  answer(request: IncomingMessage, response: ServerResponse): boolean | Promise<boolean>
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
  /** Whether there is a budget for it. */
  readonly isLimited: boolean
  readonly report: RecordedReport
  readonly attributes: Labels
  /** Has written what the lines of all its requests share. */
  readonly log: Log
}

const NO_LIMITS: Readonly<HeaderRecord> = {}

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

  /** What the answer says of the client's budgets; undefined where the request has to be answered anew. */
  function admit(
    { path, isLimited }: HotAnswer,
    request: IncomingMessage,
    headers: ReadableHeaders,
  ): Readonly<HeaderRecord> | undefined | Promise<Readonly<HeaderRecord> | undefined> {
    const peer = request.socket.remoteAddress ?? ''
    const admitted = gate({ method: 'GET', path: request.url ?? '', headers, peer })
    // Most are neither signed nor limited: nothing is waited for.
    if (!isLimited && !(admitted instanceof Promise)) return isFailure(admitted) ? undefined : NO_LIMITS
    return consume(path, admitted)
  }

  async function consume(
    path: string,
    arrival: ReturnType<Gate>,
  ): Promise<Readonly<HeaderRecord> | undefined> {
    const admitted = await arrival
    if (isFailure(admitted)) return undefined
    if (admitted.viaEdge) return NO_LIMITS
    const budgets = createRequestLimits(limiter, path, admitted.clientAddress)
    return (await budgets.consume('requests')) === undefined ? budgets.headers : undefined
  }

  function send(
    hot: HotAnswer,
    { bytes }: Rendition,
    requestId: string,
    limits: Readonly<HeaderRecord>,
    response: ServerResponse,
    startedAt: number,
  ): void {
    const fields = hot.headers.slice()
    fields.push('x-request-id', requestId)
    for (const [name, value] of Object.entries(limits)) fields.push(name, value)
    response.writeHead(200, fields)
    response.end(bytes)
    const milliseconds = performance.now() - startedAt
    recordRequest(metrics, hot.attributes, hot.report, milliseconds)
    hot.log.info({ requestId, ms: tenths(milliseconds) }, 'request')
  }

  return {
    answer(request, response) {
      if (request.method !== 'GET' || request.httpVersion !== '1.1') return false
      const fields = request.headers
      const headers: ReadableHeaders = {
        get: (name) => fields[name]?.toString() ?? null,
        has: (name) => fields[name] !== undefined,
      }
      const key = keyOf(request, isEdgeClaimed(headers))
      const hot = answers.get(key)
      if (hot === undefined || READ_ANEW.some(headers.has) || countHosts(request.rawHeaders) !== 1)
        return false
      const rendition = holding(hot)
      if (rendition === undefined) {
        answers.delete(key)
        return false
      }
      const startedAt = performance.now()
      const admitted = admit(hot, request, headers)
      const sent = (limits: Readonly<HeaderRecord> | undefined) => {
        if (limits !== undefined) send(hot, rendition, requestIdOf(headers), limits, response, startedAt)
        return limits !== undefined
      }
      return admitted instanceof Promise ? admitted.then(sent) : sent(admitted)
    },

    remember(request, { viaEdge, url, requestLimits }, { response, repeatable }, report) {
      const key = keyOf(request, viaEdge)
      if (repeatable === undefined || key.length > MAX_KEY_LENGTH) return
      const own = new Set(['x-request-id', 'server-timing', ...Object.keys(requestLimits.headers)])
      answers.set(key, {
        url: repeatable.url,
        etag: repeatable.rendition.etag,
        lastModified: repeatable.rendition.lastModified?.getTime(),
        headers: [...response.headers].filter(([name]) => !own.has(name)).flat(),
        path: url.pathname,
        isLimited: limiter.limits('requests', url.pathname),
        report: { route: report.route, bytes: report.bytes, outcome: report.outcome },
        attributes: requestAttributes(report),
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
