/**
 * Repeats responses from memory without processing the request again: parsing, routing and building a
 * response cost twice as much as sending it. Two requests are equal when everything that the response depends
 * on is equal: host, target, `Accept`, and whether an edge sent it, signed or not. The client's admission and
 * rate limits are checked for each request, and so is whether the rendition is still valid.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequestLimits, type RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import type { CanonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { CONDITIONAL_HEADERS } from '@media-proxy/shared/response/conditional.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { type HeaderRecord, type ReadableHeaders, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { FOR_EDGE_HEADER, isEdgeClaimed } from '@media-proxy/shared/signing/edge-request.ts'
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
  /**
   * Answers a request that is equal to an earlier one. Returns false without sending anything when the
   * request has to be processed.
   */
  answer(request: IncomingMessage, response: ServerResponse): boolean | Promise<boolean>
  /** Remembers a response that an equal request would get again. */
  remember(request: IncomingMessage, exchange: Exchange, answer: Answer, report: RequestReport): void
}

export interface HotAnswersOptions {
  readonly pipeline: Pick<Pipeline, 'fresh'>
  readonly gate: Gate
  readonly limiter: RateLimiter
  readonly metrics: Metrics
  readonly log: Log
}

/** A response, without the parts that differ between requests. */
interface HotAnswer {
  readonly url: CanonicalUrl
  /**
   * The ETag of the rendition that the headers describe. Another rendition in memory makes the entry invalid.
   */
  readonly etag: string
  readonly lastModified: number | undefined
  /** Alternating names and values. */
  readonly headers: readonly string[]
  /** The path of the request, by which rate limits exempt requests. */
  readonly path: string
  /** Whether a rate limit applies. */
  readonly isLimited: boolean
  readonly report: RecordedReport
  readonly attributes: Labels
  /** A child log with the fields that all its records share. */
  readonly log: Log
}

/** A request that is answered from memory. */
interface HotRequest {
  readonly requestId: string
  /** The rate limit headers of its response. */
  readonly limits: Readonly<HeaderRecord>
  /** When it was admitted, by `performance.now()`. */
  readonly startedAt: number
}

const NO_LIMITS: Readonly<HeaderRecord> = {}

const MAX_ANSWERS = 2000
/**
 * Requests with a longer target are always processed, because remembering them would cost more than it saves.
 */
const MAX_KEY_LENGTH = 4096
/** A request with one of these headers needs another response than the whole rendition, or a trace. */
const BYPASS_HEADERS = ['range', 'if-range', ...CONDITIONAL_HEADERS, 'traceparent']

export function createHotAnswers({ pipeline, gate, limiter, metrics, log }: HotAnswersOptions): HotAnswers {
  const answers = new LRUCache<string, HotAnswer>({ max: MAX_ANSWERS })

  function currentRendition({ url, etag, lastModified }: HotAnswer): Rendition | undefined {
    const rendition = pipeline.fresh(url)
    if (rendition?.etag !== etag || rendition.lastModified?.getTime() !== lastModified) return undefined
    return rendition
  }

  /**
   * Admits a request and returns the rate limit headers of the
   * response. Undefined when the request has to be processed.
   */
  function admit(
    { path, isLimited }: HotAnswer,
    request: IncomingMessage,
    headers: ReadableHeaders,
  ): Readonly<HeaderRecord> | undefined | Promise<Readonly<HeaderRecord> | undefined> {
    const peer = request.socket.remoteAddress ?? ''
    const admitted = gate({ method: 'GET', path: request.url ?? '', headers, peer })
    // Most requests are neither signed nor limited, so this stays synchronous.
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
    response: ServerResponse,
    hot: HotAnswer,
    { bytes }: Rendition,
    { requestId, limits, startedAt }: HotRequest,
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
      if (hot === undefined || BYPASS_HEADERS.some(headers.has) || countHosts(request.rawHeaders) !== 1)
        return false
      const rendition = currentRendition(hot)
      if (rendition === undefined) {
        answers.delete(key)
        return false
      }
      const startedAt = performance.now()
      const admitted = admit(hot, request, headers)
      const sent = (limits: Readonly<HeaderRecord> | undefined) => {
        if (limits !== undefined)
          send(response, hot, rendition, { requestId: requestIdOf(headers), limits, startedAt })
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
        isLimited: limiter.isLimited('requests', url.pathname),
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
  // Neither a target nor a host contains a line break.
  const forEdge = FOR_EDGE_HEADER in headers
  return [
    viaEdge ? 'edge' : '',
    forEdge ? 'for-edge' : '',
    headers.host ?? '',
    url,
    headers.accept ?? '',
  ].join('\n')
}

/**
 * Counts the `Host` headers. A request with two is rejected
 * (RFC 9112, section 3.2), and Node exposes only the first one.
 */
export function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts
}
