/** Handles one request at the edge, from parsing to the finished response. */

import { createRequestLimits, type RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import { type CanonicalUrl, canonicalUrl } from '@media-proxy/shared/request/canonical.ts'
import { explainedResponse } from '@media-proxy/shared/request/explain.ts'
import type {
  AttachmentRequest,
  ExternalRequest,
  MediaRequest,
  SourceRequest,
  VerifiedExternal,
} from '@media-proxy/shared/request/media-request.ts'
import {
  allowedMethods,
  isInternal,
  parseRequest,
  validateMethod,
} from '@media-proxy/shared/request/parse.ts'
import type { PresetRules } from '@media-proxy/shared/request/preset-rules.ts'
import { withoutPublicPath } from '@media-proxy/shared/request/public-path.ts'
import { resolvedSourceName } from '@media-proxy/shared/request/purge.ts'
import { renderAttempts } from '@media-proxy/shared/request/render-attempts.ts'
import { preflightResponse, restrictOrigins } from '@media-proxy/shared/response/cors.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import {
  type AttachmentPolicy,
  serializeAttachmentSignature,
  verifyAttachment,
} from '@media-proxy/shared/signing/attachment-url.ts'
import { signExternalPath, verifyExternal } from '@media-proxy/shared/signing/external-url.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { isOwnRequest } from '@media-proxy/shared/signing/own-request.ts'
import { beginTrace } from '@media-proxy/shared/trace-context.ts'
import { deliver } from './delivery.ts'
import type { DeliveryRequest } from './delivery-request.ts'
import type { Delivered, EdgeExchange } from './exchange.ts'
import { answerEndpoint, answerPlayground, answerRelay, type ServiceOptions } from './service-requests.ts'
import { createTimings } from './timings.ts'
import { deliverByWorkersCache, type OuterOptions } from './workers-cache.ts'

export interface GatewayOptions extends ServiceOptions {
  /** The share of requests that are traced, 0..1. */
  readonly sampleRatio: number
  /** Whether assets without a `format` are negotiated. */
  readonly negotiatesAssets: boolean
  readonly presets: PresetRules
  /** A prefix that paths may have. */
  readonly publicPath: string
  /** The origins whose scripts may read responses; `*` is every origin. */
  readonly corsOrigins: readonly string[]
  /** Undefined when no `secretKey` is set. Every signature is then rejected. */
  readonly externalRing: KeyRing | undefined
  readonly attachments: AttachmentPolicy
  /** Creates a limiter for one request. Its sessions belong to that request. */
  readonly createLimiter: () => RateLimiter
  /** Undefined when Workers Cache is not used for renditions. */
  readonly workersCache: OuterOptions | undefined
  /** Whether error responses include an explanation. */
  readonly explainsErrors: boolean
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
    const clientAddress = request.headers.get('cf-connecting-ip') ?? '127.0.0.1'
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
      clientAddress,
      requestLimits: createRequestLimits(options.createLimiter(), url.pathname, clientAddress),
      timings: createTimings(options.now),
      waitUntil,
    }
    const parsed = parseRequest(url, {
      accept: request.headers.get('accept'),
      assets: options.negotiatesAssets,
      ...options.presets,
    })
    const answered = await answer(parsed, exchange, options)
    const handled = finishAtEdge(answered, exchange, parsed, options.explainsErrors)
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
  options: GatewayOptions,
): Promise<Delivered | Failure> {
  if (options.staticSite !== undefined && !isServiceEndpoint(parsed)) {
    return (await exchange.requestLimits.consume('requests')) ?? options.staticSite.serve(exchange)
  }
  if (isFailure(parsed)) return parsed
  if (parsed.kind === 'relay') return answerRelay(exchange, options)
  if (parsed.kind === 'playground') return answerPlayground(parsed, exchange, options)
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
      return answerAttachment(parsed, exchange, options)
    case 'asset':
    case 'file': {
      const url = canonicalUrl(parsed)
      return (
        (await exchange.requestLimits.consume('requests')) ??
        serve(parsed, { url, originPath: url }, exchange, options)
      )
    }
    case 'external':
      return answerExternal(parsed, exchange, options)
    case 'endpoint':
      return answerEndpoint(parsed, exchange, options)
  }
}

/**
 * Serves an attachment. Without a valid signature the object counts as missing, and the cache is not read.
 */
async function answerAttachment(
  request: AttachmentRequest,
  exchange: EdgeExchange,
  options: GatewayOptions,
): Promise<Delivered | Failure> {
  const { requestId } = exchange
  const verified = await verifyAttachment(request, options.attachments, options.now() / 1000, (failure) =>
    console.warn({ message: 'an attachment would be rejected', requestId, detail: failure.detail }),
  )
  const rejected = await exchange.requestLimits.consume('requests')
  if (rejected !== undefined) return rejected
  if (isFailure(verified)) return verified
  const url = canonicalUrl(verified)
  return serve(verified, { url, originPath: signedPathOf(url, verified) }, exchange, options)
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
  options: GatewayOptions,
): Promise<Delivered | Failure> {
  const { externalRing: ring } = options
  if (ring === undefined)
    return (
      (await exchange.requestLimits.consume('bad-signatures')) ??
      fail('bad-signature', 'no key is configured')
    )
  const verified = await verifyExternal(request, ring, options.now() / 1000)
  if (isFailure(verified)) {
    const badSignature = verified.code === 'bad-signature' || verified.code === 'expired'
    return (await exchange.requestLimits.consume(badSignature ? 'bad-signatures' : 'requests')) ?? verified
  }
  const rejected = await exchange.requestLimits.consume('requests')
  if (rejected !== undefined) return rejected
  // A request of the service to itself would wait for its own single flight.
  if (await isOwnRequest(exchange.headers, ring))
    return fail('address-rejected', 'the request comes from this service')
  const url = canonicalUrl(verified)
  return serve(verified, { url, originPath: await originPathOf(verified, url, ring) }, exchange, options)
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
  { delivery, workersCache, ownUrls }: GatewayOptions,
): Promise<Delivered | Failure> {
  const name = resolvedSourceName(request, ownUrls)
  const whole = isRendition(request)
  const attempts = renderAttempts(request)
  const beforeRender = async () =>
    whole ? await exchange.requestLimits.consume('renders', attempts) : undefined
  const deliveryRequest = { exchange, request, name, ...paths, whole, beforeRender }
  return whole && workersCache !== undefined
    ? deliverByWorkersCache(workersCache, deliveryRequest)
    : deliver(delivery, deliveryRequest)
}

/** Whether the response is a rendition, which is small. Other media have any size and are read in parts. */
function isRendition(request: SourceRequest): boolean {
  if (request.kind === 'asset') return true
  return request.kind !== 'file' && request.transformation !== undefined
}

function isServiceEndpoint(parsed: MediaRequest | Failure): boolean {
  return !isFailure(parsed) && parsed.kind === 'endpoint'
}

function finishAtEdge(
  answered: Delivered | Failure,
  exchange: EdgeExchange,
  parsed: MediaRequest | Failure,
  explainsErrors: boolean,
): Handled {
  const { requestId, requestLimits, timings } = exchange
  const failure = isFailure(answered) ? answered : undefined
  const { response, cache } = isFailure(answered)
    ? {
        response:
          (explainsErrors ? explainedResponse(answered, requestId) : undefined) ??
          failureResponse(answered, requestId),
        cache: 'BYPASS',
      }
    : answered
  for (const [name, value] of Object.entries(requestLimits.headers)) response.headers.set(name, value)
  response.headers.set('x-cache', cache)
  response.headers.set('server-timing', timings.header())
  return { response, exchange, parsed, failure }
}
