/** Handles one request at the edge, from parsing to the finished response. */

import { createRequestLimits, type RateLimiter, type RequestLimits } from '@media-proxy/shared/rate-limit.ts'
import { type CanonicalUrl, canonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { explainedResponse } from '@media-proxy/shared/request/explain.ts'
import type {
  AttachmentRequest,
  EndpointRequest,
  ExternalRequest,
  MediaRequest,
  PlaygroundRequest,
  SourceRequest,
  VerifiedExternal,
} from '@media-proxy/shared/request/media-request.ts'
import type { OwnUrls } from '@media-proxy/shared/request/own-url.ts'
import {
  allowedMethods,
  isInternal,
  parseRequest,
  validateMethod,
} from '@media-proxy/shared/request/parse.ts'
import type { PresetRules } from '@media-proxy/shared/request/presets.ts'
import { withoutPublicPath } from '@media-proxy/shared/request/public-path.ts'
import { MAX_PURGE_BYTES, parsePurge, resolvedSourceName } from '@media-proxy/shared/request/purge.ts'
import { readBody } from '@media-proxy/shared/request/read-body.ts'
import { renderAttempts } from '@media-proxy/shared/request/render-attempts.ts'
import { preflightResponse, restrictOrigins } from '@media-proxy/shared/response/cors.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { jsonResponse, redirectResponse, textResponse } from '@media-proxy/shared/response/plain.ts'
import {
  type AttachmentPolicy,
  serializeAttachmentSignature,
  verifyAttachment,
} from '@media-proxy/shared/signing/attachment-url.ts'
import { signExternalPath, verifyExternal } from '@media-proxy/shared/signing/external-url.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { isOwnRequest } from '@media-proxy/shared/signing/own-request.ts'
import { beginTrace, givenTrace } from '@media-proxy/shared/trace-context.ts'
import { deliver } from './delivery.ts'
import type { Delivery, DeliveryRequest } from './delivery-request.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { forward, pick, playgroundHeaders } from './forward.ts'
import type { Purge } from './purge.ts'
import { answerReady } from './readiness.ts'
import type { StaticSite } from './static-site.ts'
import { createTimings } from './timings.ts'
import { deliverByWorkersCache, type OuterOptions } from './workers-cache.ts'

export interface GatewayOptions {
  /** The share of requests that are traced, 0..1. */
  readonly sampleRatio: number
  /** Whether assets without a `format` are negotiated. */
  readonly negotiatesAssets: boolean
  readonly presets: PresetRules
  /** A prefix that paths may have. */
  readonly publicPath: string
  /** The service's own URLs, whose media are in the store. */
  readonly ownUrls: OwnUrls
  /** The origins whose scripts may read responses; `*` is every origin. */
  readonly corsOrigins: readonly string[]
  /** Undefined when no `secretKey` is set. Every signature is then rejected. */
  readonly externalRing: KeyRing | undefined
  readonly attachments: AttachmentPolicy
  /** Creates a limiter for one request. Its sessions belong to that request. */
  readonly createLimiter: () => RateLimiter
  readonly delivery: Delivery
  /** Undefined when Workers Cache is not used for renditions. */
  readonly workersCache: OuterOptions | undefined
  readonly purge: Purge
  /** Checks the internal secret. Fails with `bad-secret`. */
  readonly checkSecret: (headers: Headers) => Promise<Failure | undefined>
  /** Whether `/_playground` is forwarded to the origin. */
  readonly hasPlayground: boolean
  /** Whether `/_openapi.json` is forwarded to the origin. */
  readonly hasDescription: boolean
  /** Whether `/` redirects to the playground. */
  readonly leadsToPlayground: boolean
  /** Whether error responses include an explanation. */
  readonly explainsErrors: boolean
  /** Serves everything except the service endpoints in static mode. Undefined in other modes. */
  readonly staticSite: StaticSite | undefined
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
}

export interface GatewayContext {
  readonly waitUntil: (work: Promise<unknown>) => void
}

/** A response, and the details of its request for the log. */
export interface Handled {
  readonly response: Response
  readonly exchange: EdgeExchange
  readonly parsed: MediaRequest | Failure
  readonly failure: Failure | undefined
}

export type Gateway = (request: Request, context: GatewayContext) => Promise<Handled>

export function createGateway(options: GatewayOptions): Gateway {
  return async (request, { waitUntil }) => {
    const url = withoutPublicPath(new URL(request.url), options.publicPath)
    let traceparent: string | undefined
    const exchange: EdgeExchange = {
      request,
      url,
      method: request.method,
      headers: request.headers,
      requestId: requestIdOf(request.headers),
      get traceparent() {
        // Created on first use, because a cache hit does not need it.
        traceparent ??= beginTrace(request.headers, Math.random() < options.sampleRatio)
        return traceparent
      },
      clientAddress: request.headers.get('cf-connecting-ip') ?? '127.0.0.1',
      timings: createTimings(options.now),
      waitUntil,
    }
    const parsed = parseRequest(url, {
      accept: request.headers.get('accept'),
      assets: options.negotiatesAssets,
      ...options.presets,
    })
    const limits = createRequestLimits(options.createLimiter(), url.pathname, exchange.clientAddress)
    const answered = await answer(parsed, exchange, limits, options)
    const handled = finishAtEdge(answered, exchange, parsed, limits, options.explainsErrors)
    allowOrigins(handled, options)
    return handled
  }
}

/**
 * Sets the CORS headers for this client. Those of the origin do not apply, because it does not get the
 * client's `Origin`.
 */
function allowOrigins(
  { response, exchange, parsed }: Handled,
  { corsOrigins: origins, staticSite }: GatewayOptions,
): void {
  // In static mode, the paths of the playground and the relay are ordinary paths of the site.
  const hasOwnRules =
    staticSite === undefined &&
    !isFailure(parsed) &&
    (parsed.kind === 'playground' || parsed.kind === 'relay')
  if (hasOwnRules) return
  if (!origins.includes('*')) {
    response.headers.set('access-control-allow-origin', '*')
    restrictOrigins(response.headers, exchange.headers.get('origin'), origins)
  }
}

async function answer(
  parsed: MediaRequest | Failure,
  exchange: EdgeExchange,
  limits: RequestLimits,
  options: GatewayOptions,
): Promise<Delivered | Failure> {
  if (options.staticSite !== undefined && !isServiceEndpoint(parsed)) {
    return (await limits.consume('requests')) ?? options.staticSite.serve(exchange)
  }
  if (isFailure(parsed)) return parsed
  if (parsed.kind === 'relay') return answerRelay(exchange, limits, options)
  if (parsed.kind === 'playground') return answerPlayground(parsed, exchange, limits, options)
  if (options.staticSite !== undefined && isInternal(parsed)) return fail('no-route')
  if (parsed.kind === 'endpoint' && parsed.endpoint === 'openapi' && !options.hasDescription)
    return fail('no-route')
  if (exchange.method === 'OPTIONS') {
    return { response: preflightResponse(allowedMethods(parsed), exchange.requestId), cache: 'BYPASS' }
  }
  const rejected = validateMethod(parsed, exchange.method)
  if (rejected !== undefined) return rejected
  switch (parsed.kind) {
    case 'attachment':
      return answerAttachment(parsed, exchange, limits, options)
    case 'asset':
    case 'file': {
      const url = canonicalUrl(parsed)
      return (
        (await limits.consume('requests')) ??
        serve(parsed, { url, originPath: url }, exchange, limits, options)
      )
    }
    case 'external':
      return answerExternal(parsed, exchange, limits, options)
    case 'endpoint':
      return answerEndpoint(parsed, exchange, limits, options)
  }
}

/**
 * Serves an attachment. Without a valid signature the object counts as missing, and the cache is not read.
 */
async function answerAttachment(
  request: AttachmentRequest,
  exchange: EdgeExchange,
  limits: RequestLimits,
  options: GatewayOptions,
): Promise<Delivered | Failure> {
  const { requestId } = exchange
  const verified = await verifyAttachment(request, options.attachments, options.now() / 1000, (failure) =>
    console.warn({ message: 'an attachment would be refused', requestId, detail: failure.detail }),
  )
  const rejected = await limits.consume('requests')
  if (rejected !== undefined) return rejected
  if (isFailure(verified)) return verified
  const url = canonicalUrl(verified)
  return serve(verified, { url, originPath: signedPathOf(url, verified) }, exchange, limits, options)
}

/** Returns the origin path with the signature, which the origin verifies too. */
function signedPathOf(url: CanonicalUrl, { signature }: AttachmentRequest): string {
  if (signature === undefined || signature === 'malformed') return url
  return `${url}${url.includes('?') ? '&' : '?'}${serializeAttachmentSignature(signature)}`
}

/** Verifies the signature before any budget is spent. A wrong signature spends a stricter budget. */
async function answerExternal(
  request: ExternalRequest,
  exchange: EdgeExchange,
  limits: RequestLimits,
  options: GatewayOptions,
): Promise<Delivered | Failure> {
  const { externalRing: ring } = options
  if (ring === undefined)
    return (await limits.consume('bad-signatures')) ?? fail('bad-signature', 'no key is configured')
  const verified = await verifyExternal(request, ring, options.now() / 1000)
  if (isFailure(verified)) {
    const badSignature = verified.code === 'bad-signature' || verified.code === 'expired'
    return (await limits.consume(badSignature ? 'bad-signatures' : 'requests')) ?? verified
  }
  const rejected = await limits.consume('requests')
  if (rejected !== undefined) return rejected
  // A request of the service to itself would wait for its own single flight.
  if (await isOwnRequest(exchange.headers, ring))
    return fail('address-refused', 'a request of this service itself')
  const url = canonicalUrl(verified)
  return serve(
    verified,
    { url, originPath: await originPathOf(verified, url, ring) },
    exchange,
    limits,
    options,
  )
}

/**
 * Returns the path of the request to the origin. The origin verifies the signature too, so the path has the
 * signed target and expiry. A signature that covers the parameters is created again for their canonical form.
 */
async function originPathOf(request: VerifiedExternal, url: CanonicalUrl, ring: KeyRing): Promise<string> {
  const [, query] = url.split('?')
  const expiry = request.expiresAt === undefined ? undefined : `ex=${request.expiresAt}`
  const parameters = [query, expiry].filter((part) => part !== undefined).join('&')
  const path =
    request.signedParameters === undefined
      ? `/external/${request.signature}/${request.rawTarget}`
      : await signExternalPath(ring, request.url, new URLSearchParams(parameters))
  return parameters === '' ? path : `${path}?${parameters}`
}

function serve(
  request: SourceRequest,
  paths: Pick<DeliveryRequest, 'url' | 'originPath'>,
  exchange: EdgeExchange,
  limits: RequestLimits,
  { delivery, workersCache, ownUrls }: GatewayOptions,
): Promise<Delivered | Failure> {
  const name = resolvedSourceName(request, ownUrls)
  const whole = isRendition(request)
  const attempts = renderAttempts(request)
  const beforeRender = async () => (whole ? await limits.consume('renders', attempts) : undefined)
  const deliveryRequest = { request, name, ...paths, whole, beforeRender }
  return whole && workersCache !== undefined
    ? deliverByWorkersCache(workersCache, deliveryRequest, exchange)
    : deliver(delivery, deliveryRequest, exchange)
}

/** Whether the response is a rendition, which is small. Other media have any size and are read in parts. */
function isRendition(request: SourceRequest): boolean {
  if (request.kind === 'asset') return true
  return request.kind !== 'file' && request.transformation !== undefined
}

async function answerEndpoint(
  { endpoint }: EndpointRequest,
  exchange: EdgeExchange,
  limits: RequestLimits,
  options: GatewayOptions,
): Promise<Delivered | Failure> {
  switch (endpoint) {
    case 'health':
      return { response: textResponse('OK', 200, exchange), cache: 'BYPASS' }
    case 'metrics':
      return fail('forbidden', 'metrics at the edge')
    case 'ready':
      return answerReady(exchange, options.staticSite, options.delivery.origin)
    case 'telemetry':
    case 'openapi':
      return (await limits.consume('requests')) ?? forward(options.delivery.origin, exchange)
    case 'metadata':
    case 'thumbnail':
    case 'frames':
    case 'sniff':
    case 'prepare':
    case 'purge': {
      const rejected = await options.checkSecret(exchange.headers)
      if (rejected !== undefined) return (await limits.consume('bad-signatures')) ?? rejected
      const limited = await limits.consume('internal')
      if (limited !== undefined) return limited
      // A caller with the secret may also decide what is traced.
      const trusted = { ...exchange, traceparent: givenTrace(exchange.headers) ?? exchange.traceparent }
      return endpoint === 'purge' ? answerPurge(trusted, options) : forward(options.delivery.origin, trusted)
    }
  }
}

/** Forwards an upload to the origin, which has the store and verifies the token. The body is streamed. */
async function answerRelay(
  exchange: EdgeExchange,
  limits: RequestLimits,
  { delivery }: GatewayOptions,
): Promise<Delivered | Failure> {
  const limited = exchange.method === 'OPTIONS' ? undefined : await limits.consume('requests')
  if (limited !== undefined) return limited
  // `fetch` does not allow TRACE (Fetch standard, forbidden method). The origin rejects DELETE in the same
  // way.
  return forward(delivery.origin, exchange.method === 'TRACE' ? { ...exchange, method: 'DELETE' } : exchange)
}

/** Forwards a playground request to the origin, together with the host name of the client's request. */
async function answerPlayground(
  request: PlaygroundRequest,
  exchange: EdgeExchange,
  limits: RequestLimits,
  { hasPlayground, leadsToPlayground, delivery }: GatewayOptions,
): Promise<Delivered | Failure> {
  if (request.resource === 'entrance') {
    if (!leadsToPlayground) return fail('no-route')
    const rejected = validateMethod(request, exchange.method)
    return rejected ?? { response: redirectResponse('/_playground', exchange), cache: 'BYPASS' }
  }
  if (!hasPlayground) return fail('no-route')
  const limited = await limits.consume('requests')
  return limited ?? forward(delivery.origin, exchange, playgroundHeaders(exchange.headers))
}

/**
 * Purges the origin and the edge. The origin is first, so that the edge's next requests get current media.
 */
async function answerPurge(
  exchange: EdgeExchange,
  { delivery, purge, ownUrls }: GatewayOptions,
): Promise<Delivered | Failure> {
  if (Number(exchange.headers.get('content-length') ?? 0) > MAX_PURGE_BYTES) return fail('source-too-large')
  const bytes = await readBody(exchange.request.body ?? [], MAX_PURGE_BYTES)
  if (isFailure(bytes)) return bytes
  const body = new TextDecoder().decode(bytes)
  const names = parsePurge(body, ownUrls)
  if (isFailure(names)) return names
  const headers = pick(exchange.headers, ['authorization', 'x-internal-secret'])
  const response = await delivery.origin({ method: 'POST', path: '/_purge', headers, body }, exchange)
  const failure = await purge(names)
  if (isFailure(response)) return response
  if (!response.ok) return { response: new Response(response.body, response), cache: 'BYPASS' }
  if (failure !== undefined) return failure
  const { removed } = await response.json<{ removed: number }>()
  return { response: jsonResponse({ removed }, exchange), cache: 'BYPASS' }
}

function isServiceEndpoint(parsed: MediaRequest | Failure): boolean {
  return !isFailure(parsed) && parsed.kind === 'endpoint'
}

function finishAtEdge(
  answered: Delivered | Failure,
  exchange: EdgeExchange,
  parsed: MediaRequest | Failure,
  limits: RequestLimits,
  explainsErrors: boolean,
): Handled {
  const { requestId, timings } = exchange
  const failure = isFailure(answered) ? answered : undefined
  const { response, cache } = isFailure(answered)
    ? {
        response:
          (explainsErrors ? explainedResponse(answered, requestId) : undefined) ??
          failureResponse(answered, requestId),
        cache: 'BYPASS',
      }
    : answered
  for (const [name, value] of Object.entries(limits.headers)) response.headers.set(name, value)
  response.headers.set('x-cache', cache)
  response.headers.set('server-timing', timings.header())
  return { response, exchange, parsed, failure }
}
