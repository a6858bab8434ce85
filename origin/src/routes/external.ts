/** Serves external media after their signature has been verified. */

import type { AttachmentRequest, VerifiedExternal } from '@media-proxy/shared/request/media-request.ts'
import { type OwnUrls, readMediaUrl, type StoredRequest } from '@media-proxy/shared/request/own-url.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { formatLifetime, LIFETIME_HEADER, parseLifetime } from '@media-proxy/shared/response/lifetime.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import { isTransformed, rasterised } from '../rendition/spec.ts'
import type { Source } from '../source/bytes/source.ts'
import type { ExternalFetch } from '../source/external/fetch.ts'
import { type Answer, type Exchange, limitLifetime, reject } from './exchange.ts'
import { serveExternalFile, serveReadExternal } from './external-files.ts'
import { type ModeratedOptions, serveModerated } from './moderated.ts'
import { serveRendition } from './renditions.ts'
import { IS_SVG } from './stored-files.ts'

export interface ExternalOptions {
  readonly external: ExternalFetch
  readonly pipeline: Pipeline
  readonly moderated: ModeratedOptions
  readonly ownUrls: OwnUrls
  /**
   * Verifies the signature of a stored attachment whose URL is wrapped in an external one, as far as
   * attachments are signed. Wrapping a URL must not grant more than the URL itself.
   */
  readonly verify: (request: AttachmentRequest, exchange: Exchange) => Promise<AttachmentRequest | Failure>
  /** Serves stored media. */
  readonly serveStored: (request: StoredRequest, exchange: Exchange) => Promise<Answer>
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

const NO_OWN_MEDIA = fail('address-rejected', 'no stored media of this service')

/** Serves signed external media. A URL of this service is read from its own store. */
export async function serveExternal(
  options: ExternalOptions,
  request: VerifiedExternal,
  exchange: Exchange,
): Promise<Answer> {
  const answer = limitLifetime(
    await answerExternal(options, request, exchange),
    request.expiresAt,
    options.now(),
  )
  // Only the edge caches one response for several URLs with different expiries, so only it gets this header.
  if (!exchange.forEdge) answer.response.headers.delete(LIFETIME_HEADER)
  return answer
}

async function answerExternal(
  options: ExternalOptions,
  outer: VerifiedExternal,
  exchange: Exchange,
): Promise<Answer> {
  const { external, pipeline, moderated, ownUrls } = options
  const named = readMediaUrl(outer.url, ownUrls)
  if (named === 'no-media') return reject(NO_OWN_MEDIA, exchange.requestId)
  if ('stored' in named) return answerStored(options, named.stored, outer, exchange)
  const request = { ...outer, url: named.url }
  if (isTransformed(request)) return serveRendition(pipeline, request, exchange)
  const rasterise = () => serveRendition(pipeline, rasterised(request), exchange)
  const pass = async () => {
    const answer = await serveExternalFile(external, request, exchange)
    return answer === IS_SVG ? rasterise() : answer
  }
  const passScanned = async (source: Source, release: () => void) => {
    const answer = serveReadExternal(source, request, exchange, release)
    if (answer !== IS_SVG) return answer
    try {
      return await rasterise()
    } finally {
      release()
    }
  }
  return serveModerated(moderated, { url: request.url }, exchange, { pass, passScanned, blur: rasterise })
}

async function answerStored(
  { verify, serveStored, now }: ExternalOptions,
  named: StoredRequest,
  outer: VerifiedExternal,
  exchange: Exchange,
): Promise<Answer> {
  const verified = named.kind === 'attachment' ? await verify(named, exchange) : named
  if (isFailure(verified)) return reject(verified, exchange.requestId)
  const stored = storedRequest(verified, outer)
  if (stored === 'rejected') return reject(NO_OWN_MEDIA, exchange.requestId)
  const answer = await serveStored(stored, exchange)
  const expiresAt = verified.kind === 'attachment' ? verified.expiresAt : undefined
  if (expiresAt === undefined || answer.failure !== undefined) return answer
  const { headers } = answer.response
  const leftSeconds = Math.max(0, Math.floor(expiresAt - now() / 1000))
  const { seconds = leftSeconds } = parseLifetime(headers.get(LIFETIME_HEADER)) ?? {}
  headers.set(
    LIFETIME_HEADER,
    formatLifetime({ seconds: Math.min(leftSeconds, seconds), mustRevalidate: true }),
  )
  return limitLifetime(answer, expiresAt, now())
}

/**
 * Returns the request for the stored media that an own URL names. A transformation in the outer request
 * applies to the stored source and replaces the parameters of the inner URL.
 */
function storedRequest(
  stored: StoredRequest,
  { transformation, download, negotiable }: VerifiedExternal,
): StoredRequest | 'rejected' {
  if (transformation === undefined) return stored.kind === 'file' ? stored : { ...stored, download }
  if (stored.kind === 'file') return 'rejected'
  return { kind: 'attachment', key: stored.key, transformation, download, negotiable }
}
