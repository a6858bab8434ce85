/** Serves the public media: assets, attachments, stored files and signed external media. */

import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { AttachmentRequest, MediaRequest } from '@media-proxy/shared/request/media-request.ts'
import { ownUrlsOf, type StoredRequest } from '@media-proxy/shared/request/own-url.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { type AttachmentPolicy, verifyAttachment } from '@media-proxy/shared/signing/attachment-url.ts'
import { URL_REJECTED_HEADER } from '@media-proxy/shared/signing/edge-request.ts'
import { verifyExternal } from '@media-proxy/shared/signing/external-url.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { isOwnRequest } from '@media-proxy/shared/signing/own-request.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import { isTransformed, rasterised } from '../rendition/spec.ts'
import type { ExternalFetch } from '../source/external/fetch.ts'
import type { Log } from '../telemetry/log.ts'
import type { Observer } from '../telemetry/observer.ts'
import { serveAsset } from './assets.ts'
import { type Answer, type Exchange, limitLifetime, once, reject } from './exchange.ts'
import { serveExternal } from './external.ts'
import { type ModeratedOptions, serveModerated } from './moderated.ts'
import { serveRendition } from './renditions.ts'
import { IS_SVG, serveAttachment, serveNamedFile } from './stored-files.ts'

export interface MediaOptions {
  readonly config: Config
  readonly store: ObjectStore
  readonly external: ExternalFetch
  readonly pipeline: Pipeline
  readonly moderated: ModeratedOptions
  readonly observer: Observer
  /** The keys derived from `secretKey`. Undefined when it is not set, so that no signature is valid. */
  readonly externalRing: KeyRing | undefined
  readonly attachments: AttachmentPolicy
  readonly log: Log
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Applies the rate limit of the client, verifies the signature where there is one, and serves the media. */
export async function serveMedia(
  request: Extract<MediaRequest, { readonly kind: 'attachment' | 'asset' | 'file' | 'external' }>,
  exchange: Exchange,
  options: MediaOptions,
): Promise<Answer> {
  switch (request.kind) {
    case 'attachment':
      return answerAttachment(request, exchange, options)
    case 'external':
      return answerExternal(request, exchange, options)
    case 'asset':
    case 'file': {
      const limited = await exchange.requestLimits.consume('requests')
      return limited === undefined
        ? serveStored(request, exchange, options)
        : reject(limited, exchange.requestId)
    }
  }
}

/**
 * Serves an attachment. Where attachments are signed, an
 * invalid signature gets the response of a missing object.
 */
async function answerAttachment(
  request: AttachmentRequest,
  exchange: Exchange,
  options: MediaOptions,
): Promise<Answer> {
  const { requestId } = exchange
  const limited = await exchange.requestLimits.consume('requests')
  if (limited !== undefined) return reject(limited, requestId)
  const verified = await verify(request, exchange, options)
  if (isFailure(verified)) return rejectUrl(verified, exchange)
  const answer = limitLifetime(
    await serveStored(verified, exchange, options),
    verified.expiresAt,
    options.now(),
  )
  return options.attachments.mode === 'off' ? answer : once(answer)
}

/**
 * Returns a rejection that concerns only the signature of this URL. The header keeps the edge from serving it
 * to clients whose URLs are signed differently.
 */
function rejectUrl(failure: Failure, { requestId, forEdge }: Exchange): Answer {
  const answer = reject(failure, requestId)
  if (forEdge) answer.response.headers.set(URL_REJECTED_HEADER, '1')
  return answer
}

const OWN_REQUEST = fail('address-rejected', 'the request comes from this service')

function verify(
  request: AttachmentRequest,
  { requestId }: Exchange,
  { attachments, observer, log, now }: MediaOptions,
): Promise<AttachmentRequest | Failure> {
  return verifyAttachment(request, attachments, now() / 1000, ({ detail }) => {
    observer.metrics.count('media_proxy.attachment.reports')
    log.warn({ requestId, detail }, 'an attachment would be rejected')
  })
}

/**
 * Serves external media. The signature is verified before anything else is consumed, and a bad one counts
 * against a stricter rate limit.
 */
async function answerExternal(
  request: Extract<MediaRequest, { kind: 'external' }>,
  exchange: Exchange,
  options: MediaOptions,
): Promise<Answer> {
  const { externalRing, external, pipeline, config, now } = options
  const { requestId, requestLimits } = exchange
  const verified =
    externalRing === undefined
      ? fail('bad-signature', 'no key is configured')
      : await verifyExternal(request, externalRing, now() / 1000)
  if (isFailure(verified)) {
    const badSignature = verified.code === 'bad-signature' || verified.code === 'expired'
    const limited = await requestLimits.consume(badSignature ? 'bad-signatures' : 'requests')
    return limited === undefined ? rejectUrl(verified, exchange) : reject(limited, requestId)
  }
  const limited = await requestLimits.consume('requests')
  if (limited !== undefined) return reject(limited, requestId)
  if (externalRing !== undefined && (await isOwnRequest(exchange.headers, externalRing)))
    return reject(OWN_REQUEST, requestId)
  return serveExternal(
    {
      external,
      pipeline,
      moderated: options.moderated,
      ownUrls: ownUrlsOf(config),
      verify: (named, own) => verify(named, own, options),
      serveStored: (stored, own) => serveStored(stored, own, options),
      now,
    },
    verified,
    exchange,
  )
}

async function serveStored(
  request: StoredRequest,
  exchange: Exchange,
  { store, pipeline, moderated, config }: MediaOptions,
): Promise<Answer> {
  const files = { store, bucket: config.s3.bucketCdn }
  switch (request.kind) {
    case 'asset':
      return serveAsset({ pipeline, fallback: config.fallback }, request, exchange)
    case 'attachment': {
      if (isTransformed(request)) return serveRendition(pipeline, request, exchange)
      const rasterise = () => serveRendition(pipeline, rasterised(request), exchange)
      const pass = async () => {
        const answer = await serveAttachment(files, request, exchange)
        return answer === IS_SVG ? rasterise() : answer
      }
      // A flagged attachment goes through the pipeline, which blurs it.
      return serveModerated(moderated, { keys: [request.key] }, exchange, { pass, blur: rasterise })
    }
    case 'file':
      return serveNamedFile(files, request, exchange)
  }
}
