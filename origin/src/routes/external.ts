/** Signed external media, once the signature has been checked. */

import type {
  AttachmentRequest,
  MediaRequest,
  VerifiedExternal,
} from '@media-proxy/shared/request/media-request.ts'
import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { expiringCacheControl } from '@media-proxy/shared/response/headers.ts'
import { rasterised, type TransformedExternal } from '../rendition/job.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import type { ExternalFetch } from '../source/external/fetch.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'
import { serveExternalFile } from './external-files.ts'
import { type ModeratedOptions, serveModerated } from './moderated.ts'
import { serveRendition } from './renditions.ts'
import { IS_SVG } from './stored-files.ts'

export interface ExternalOptions {
  readonly external: ExternalFetch
  readonly pipeline: Pipeline
  readonly moderated: ModeratedOptions
  /** Where clients reach this service: what lies there is read from the store. */
  readonly publicUrl: string | undefined
  /** Answers stored media. */
  readonly serveStored: (request: StoredRequest, exchange: Exchange) => Promise<Answer>
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

type ParsedRequest = Exclude<ReturnType<typeof parseRequest>, Failure>
export type StoredRequest = Extract<ParsedRequest, { readonly kind: 'asset' | 'attachment' | 'file' }>

export async function serveExternal(
  options: ExternalOptions,
  request: VerifiedExternal,
  exchange: Exchange,
): Promise<Answer> {
  const answer = await answerExternal(options, request, exchange)
  const { expiresAt } = request
  const { status, headers } = answer.response
  if (expiresAt !== undefined && (status < 300 || status === 304)) {
    headers.set('cache-control', expiringCacheControl(expiresAt, options.now() / 1000))
  }
  return answer
}

async function answerExternal(
  { external, pipeline, moderated, publicUrl, serveStored }: ExternalOptions,
  request: VerifiedExternal,
  exchange: Exchange,
): Promise<Answer> {
  const own = ownRequest(request, publicUrl)
  if (own === 'refused')
    return reject(fail('address-refused', 'no stored media of this service'), exchange.requestId)
  if (own !== undefined) return serveStored(own, exchange)
  if (isTransformed(request)) return serveRendition(pipeline, request, exchange)
  const rasterise = () => serveRendition(pipeline, rasterised(request), exchange)
  const pass = async () => {
    const answer = await serveExternalFile(external, request, exchange)
    return answer === IS_SVG ? rasterise() : answer
  }
  return serveModerated(moderated, { url: request.url }, exchange, pass, rasterise)
}

function isTransformed(request: VerifiedExternal): request is TransformedExternal {
  return request.transformation !== undefined
}

/**
 * What a URL of the service itself names in the store: fetching it would have the service wait for itself. A
 * transformation is one of the stored source, whatever rendition the URL names.
 */
function ownRequest(
  { url, transformation, download, negotiable }: VerifiedExternal,
  publicUrl: string | undefined,
): StoredRequest | 'refused' | undefined {
  if (publicUrl === undefined || !(url === publicUrl || url.startsWith(`${publicUrl}/`))) return undefined
  const path = url.slice(publicUrl.length)
  const inner = parseRequest(new URL(path, 'http://own'), { accept: null, assets: false })
  if (isFailure(inner) || !isStored(inner)) return 'refused'
  if (transformation === undefined) return inner.kind === 'file' ? inner : { ...inner, download }
  if (inner.kind === 'file') return 'refused'
  const stored: AttachmentRequest = {
    kind: 'attachment',
    key: inner.key,
    transformation,
    download,
    negotiable,
  }
  return stored
}

function isStored(request: MediaRequest): request is StoredRequest {
  return request.kind === 'asset' || request.kind === 'attachment' || request.kind === 'file'
}
