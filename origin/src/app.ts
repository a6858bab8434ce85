/**
 * The HTTP application of the origin: admits a request, parses
 * its URL, applies the limits, and dispatches to a route.
 */

import type { IncomingMessage } from 'node:http'
import { explainsErrors } from '@media-proxy/shared/config/schema.ts'
import { createRequestLimits, type RateLimiter, type RequestLimits } from '@media-proxy/shared/rate-limit.ts'
import { BODY_END_HEADER } from '@media-proxy/shared/request/body-end.ts'
import { explainedResponse } from '@media-proxy/shared/request/explain.ts'
import type { MediaRequest } from '@media-proxy/shared/request/media-request.ts'
import {
  allowedMethods,
  isInternal,
  parseRequest,
  validateMethod,
} from '@media-proxy/shared/request/parse.ts'
import { presetRules } from '@media-proxy/shared/request/preset-rules.ts'
import { withoutPublicPath } from '@media-proxy/shared/request/public-path.ts'
import { preflightResponse, restrictOrigins } from '@media-proxy/shared/response/cors.ts'
import { type Failure, fail, isFailure, statusOf } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { FOR_EDGE_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import { serveStaticSite } from '@media-proxy/shared/store/static-site.ts'
import { type Context, Hono } from 'hono'
import { type Gate, isGated } from './gate/gate.ts'
import { countHosts, type HotAnswers } from './hot-answers.ts'
import type { Playground } from './playground/playground.ts'
import { logRequest, recordRequest, reportOf, requestAttributes } from './request-log.ts'
import { type Answer, type Exchange, reject } from './routes/exchange.ts'
import { type InternalOptions, serveInternal } from './routes/internal.ts'
import { type MediaOptions, serveMedia } from './routes/media.ts'
import { type RelayOptions, serveRelay } from './routes/relay.ts'
import { type ServiceOptions, serveEndpoint } from './routes/service.ts'
import type { BufferCollector } from './streams/buffer-collector.ts'
import { withDeclaredLength } from './streams/declared-length.ts'
import { withIdleTimeout } from './streams/idle-timeout.ts'
import { withoutMark } from './streams/marked-body.ts'
import { requestBody } from './streams/request-body.ts'
import type { Labels } from './telemetry/metric-table.ts'
import { serverTiming } from './telemetry/server-timing.ts'

export interface AppOptions extends MediaOptions {
  readonly gate: Gate
  readonly limiter: RateLimiter
  readonly service: ServiceOptions
  readonly internal: InternalOptions
  readonly relay: RelayOptions
  readonly playground: Playground
  readonly collector: BufferCollector
  /** Undefined when no response is the same for all clients. */
  readonly hotAnswers: HotAnswers | undefined
}

type Parsed = MediaRequest | Failure

/** Creates the application: it admits, parses, answers, measures and logs each request. */
export function createApp(options: AppOptions): Hono {
  const app = new Hono()
  app.all('*', async (context) => {
    const startedAt = performance.now()
    let attributes: Labels = {}
    const { url, headers } = context.req.raw
    const requestedUrl = URL.parse(url)
    // The server accepts some hosts that no URL can have, such as `127.0.0.256`.
    if (requestedUrl === null) return failureResponse(BAD_HOST, requestIdOf(headers))
    const arrival = await admit(requestedUrl, context, options)
    const trusted = await mayTrace(headers, arrival, options)
    const observed = { name: 'request', headers, trusted, attributes: () => attributes }
    return options.observer.request(observed, async (stages) => {
      const { exchange, parsed, answer } = await handle(context, arrival, options)
      const report = reportOf(exchange, parsed, answer)
      attributes = requestAttributes(report)
      const milliseconds = performance.now() - startedAt
      recordRequest(options.observer.metrics, attributes, report, milliseconds)
      // A response from memory has no stages, and setting a
      // header would make the server create a `Headers` object.
      if (stages.size > 0) answer.response.headers.set('server-timing', serverTiming(stages, milliseconds))
      logRequest(options.log, report, { milliseconds, stages })
      const incoming = incomingOf(context)
      if (answer.repeatable !== undefined && incoming !== undefined)
        options.hotAnswers?.remember(incoming, exchange, answer, report)
      return answer.outcome === 'streamed'
        ? withIdleLimit(answer.response, exchange, context, options)
        : answer.response
    })
  })
  return app
}

/** A request and the verdict of the gate. */
interface Arrived {
  /** The URL below the public path. */
  readonly url: URL
  readonly peer: string
  readonly admitted: Awaited<ReturnType<Gate>>
}

async function admit(requestedUrl: URL, context: Context, { gate, config }: AppOptions): Promise<Arrived> {
  const { method, headers } = context.req.raw
  // The signature of the edge covers the path without the public path.
  const url = withoutPublicPath(requestedUrl, config.publicPath)
  const peer = incomingOf(context)?.socket?.remoteAddress ?? '127.0.0.1'
  const admitted = await gate({ method, path: url.pathname + url.search, headers, peer })
  return { url, peer, admitted }
}

/** Whether a request may be traced: only if it comes from the edge or carries the secret. */
async function mayTrace(headers: Headers, { admitted }: Arrived, { internal }: AppOptions): Promise<boolean> {
  if (!headers.has('traceparent')) return false
  const viaEdge = !isFailure(admitted) && admitted.viaEdge
  return viaEdge || (await internal.checkSecret(headers)) === undefined
}

/**
 * Wraps a streamed response: it ends when the client stops
 * reading. Responses from memory are sent by the server alone.
 */
function withIdleLimit(
  response: Response,
  { requestId }: Exchange,
  context: Context,
  { config, log, collector }: AppOptions,
): Response {
  if (response.body === null) return response
  const declared = response.headers.get('content-length')
  const whole = declared === null ? response.body : withDeclaredLength(response.body, Number(declared))
  const body = withIdleTimeout(whole, {
    idleMs: config.limits.streamIdleMs,
    onBytes: collector,
    cutOff: () => context.env?.outgoing?.destroy(),
    onBreak(error) {
      const failure = error instanceof BodyError ? error.failure : fail('defect', String(error))
      log.warn({ requestId, failure: failure.code, detail: failure.detail }, 'a response body failed')
    },
  })
  return new Response(body, response)
}

/** Returns the Node request. Undefined when a test calls the application directly. */
function incomingOf(context: Context): IncomingMessage | undefined {
  return context.env?.incoming
}

async function handle(
  context: Context,
  { url, peer, admitted }: Arrived,
  options: AppOptions,
): Promise<{ readonly exchange: Exchange; readonly parsed: Parsed; readonly answer: Answer }> {
  const request = context.req.raw
  const { method, headers } = request
  const viaEdge = !isFailure(admitted) && admitted.viaEdge
  const clientAddress = isFailure(admitted) ? peer : admitted.clientAddress
  const { negotiateFormat, presets, presetsOnly } = options.config
  const parsed = parseRequest(url, {
    accept: headers.get('accept'),
    assets: negotiateFormat === 'always' || (negotiateFormat === 'edge' && viaEdge),
    // The edge has expanded presets already, so its requests contain their parameters.
    ...presetRules({ presets, presetsOnly: presetsOnly && !viaEdge }),
  })
  // The rate limits of requests through the edge were applied there.
  const requestLimits = viaEdge
    ? UNLIMITED
    : createRequestLimits(options.limiter, url.pathname, clientAddress)
  let body: ReadableStream<Uint8Array> | null | undefined
  const exchange: Exchange = {
    method,
    headers,
    url,
    requestId: requestIdOf(headers),
    clientAddress,
    peer,
    viaEdge,
    forEdge: viaEdge || headers.has(FOR_EDGE_HEADER),
    requestLimits,
    get body() {
      body ??= bodyOf(request)
      return body
    },
    get signal() {
      return request.signal
    },
  }
  const rejection =
    countHosts(incomingOf(context)?.rawHeaders ?? []) > 1
      ? TWO_HOSTS
      : isFailure(admitted)
        ? admitted
        : undefined
  const answer = explained(await answerSafely(parsed, exchange, rejection, options), exchange, options)
  for (const [name, value] of Object.entries(requestLimits.headers)) answer.response.headers.set(name, value)
  // Apps of any origin may upload. Their authorisation is the token.
  const isRelay = !isFailure(parsed) && parsed.kind === 'relay' && !options.config.staticMode
  if (!isRelay && !options.config.corsOrigins.includes('*')) {
    restrictOrigins(answer.response.headers, headers.get('origin'), options.config.corsOrigins)
  }
  return { exchange, parsed, answer }
}

/** Returns the body of a request, without the end mark that the edge appends to a body of unknown length. */
function bodyOf(request: Request): ReadableStream<Uint8Array> | null {
  if (request.method === 'GET' || request.method === 'HEAD') return null
  const body = requestBody(() => request.body)
  const mark = request.headers.get(BODY_END_HEADER)
  return mark === null ? body : withoutMark(body, mark)
}

/**
 * With `explainErrors`, extends the text of a rejection by
 * the parameter or the property of the file that caused it.
 */
function explained(answer: Answer, { requestId }: Exchange, { config }: AppOptions): Answer {
  // When the status differs, the route has made its own response for the failure.
  if (answer.failure === undefined || !explainsErrors(config)) return answer
  if (answer.response.status !== statusOf(answer.failure)) return answer
  const response = explainedResponse(answer.failure, requestId)
  if (response === undefined) return answer
  return { ...answer, response, bodyBytes: Number(response.headers.get('content-length')) }
}

const BAD_HOST = fail('bad-request', 'an invalid Host header')

/** RFC 9112, section 3.2: a proxy in front of the origin may have used the other one. */
const TWO_HOSTS = fail('bad-request', 'two Host headers')

const UNLIMITED: RequestLimits = { consume: async () => undefined, headers: {} }

/**
 * Answers a request. Anything that is thrown is a defect: it
 * is logged and answered with 500, and never ends the process.
 */
async function answerSafely(
  parsed: Parsed,
  exchange: Exchange,
  rejection: Failure | undefined,
  options: AppOptions,
): Promise<Answer> {
  try {
    if (rejection !== undefined && (rejection === TWO_HOSTS || isGated(parsed)))
      return reject(rejection, exchange.requestId)
    return await answerRequest(parsed, exchange, options)
  } catch (error) {
    if (exchange.signal.aborted) return reject(fail('client-gone'), exchange.requestId)
    if (error instanceof BodyError) return reject(error.failure, exchange.requestId)
    options.observer.metrics.count('media_proxy.unhandled_errors')
    options.log.error({ err: error, requestId: exchange.requestId }, 'a defect, answered with 500')
    return reject(fail('defect'), exchange.requestId)
  }
}

async function answerRequest(parsed: Parsed, exchange: Exchange, options: AppOptions): Promise<Answer> {
  const { requestId, method, requestLimits } = exchange
  const isEndpoint = !isFailure(parsed) && parsed.kind === 'endpoint'
  if (options.config.staticMode && !isEndpoint) return answerStatic(exchange, options)
  if (isFailure(parsed)) return reject(parsed, requestId)
  if (parsed.kind === 'relay') return serveRelay(parsed, exchange, options.relay)
  if (parsed.kind === 'playground') return options.playground(parsed, exchange)
  if (options.config.staticMode && isInternal(parsed)) return reject(fail('no-route'), requestId)
  if (isUndescribed(parsed, options.service)) return reject(fail('no-route'), requestId)
  if (method === 'OPTIONS') return { response: preflightResponse(allowedMethods(parsed), requestId) }
  const rejected = validateMethod(parsed, method)
  if (rejected !== undefined) return reject(rejected, requestId)
  switch (parsed.kind) {
    case 'attachment':
    case 'asset':
    case 'file':
    case 'external':
      return serveMedia(parsed, exchange, options)
    case 'endpoint':
      switch (parsed.endpoint) {
        case 'metadata':
        case 'thumbnail':
        case 'frames':
        case 'sniff':
        case 'prepare':
        case 'purge':
          return serveInternal(parsed.endpoint, exchange, options.internal)
        case 'telemetry':
        case 'openapi': {
          const limited = await requestLimits.consume('requests')
          if (limited !== undefined) return reject(limited, requestId)
          return serveEndpoint(parsed.endpoint, exchange, options.service)
        }
        default:
          return serveEndpoint(parsed.endpoint, exchange, options.service)
      }
  }
}

/** Outside development, the path of the description does not exist, for any method. */
function isUndescribed(parsed: MediaRequest, { description }: ServiceOptions): boolean {
  return parsed.kind === 'endpoint' && parsed.endpoint === 'openapi' && description === undefined
}

async function answerStatic(exchange: Exchange, { store, config }: AppOptions): Promise<Answer> {
  const { requestId, url, requestLimits } = exchange
  const limited = await requestLimits.consume('requests')
  if (limited !== undefined) return reject(limited, requestId)
  const site = { store, bucket: config.s3.bucketStatic, index: config.staticIndex }
  const response = await serveStaticSite(site, url.pathname, exchange)
  return isFailure(response) ? reject(response, requestId) : { response, outcome: 'streamed' }
}
