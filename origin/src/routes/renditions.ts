import { extensionOf, IMAGE_MIME, type ImageFormat } from '@media-proxy/shared/formats.ts'
import { fileNameOf } from '@media-proxy/shared/request/object-key.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { finish, type Representation, representationHeaders } from '@media-proxy/shared/response/finish.ts'
import {
  contentDisposition,
  type HeaderRecord,
  MEDIA_HEADERS,
  mediaCacheControl,
  withExtension,
} from '@media-proxy/shared/response/headers.ts'
import { fileNameOfUrl } from '../external/source.ts'
import { NSFW_HEADER } from '../nsfw/serve-policy.ts'
import type { RenditionRequest } from '../rendition/order.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import type { Rendition } from '../rendition/rendition.ts'
import { type Answer, type Exchange, refuse } from './answer.ts'

/** Answers an asset, or what was made of an attachment or of external media. */
export async function serveRendition(
  pipeline: Pipeline,
  request: RenditionRequest,
  exchange: Exchange,
): Promise<Answer> {
  const kept = pipeline.fresh(request)
  if (kept !== undefined) return { response: finishRendition(kept, request, exchange), outcome: 'hit' }
  const refused = pipeline.costsRender(request) ? await exchange.spending.spend('renders') : undefined
  if (refused !== undefined) return refuse(refused, exchange.requestId)
  const rendered = await pipeline.render(request, exchange.headers, exchange.signal)
  if (isFailure(rendered)) return refuse(rendered, exchange.requestId)
  if (rendered.outcome !== 'not-modified') {
    return { response: finishRendition(rendered.rendition, request, exchange), outcome: rendered.outcome }
  }
  const headers = representationHeaders(
    { headers: policyHeaders(request), ...rendered.validators },
    exchange.requestId,
  )
  return { response: new Response(null, { status: 304, headers }), outcome: 'not-modified' }
}

function finishRendition(rendition: Rendition, request: RenditionRequest, exchange: Exchange): Response {
  const { bytes, format, etag, lastModified } = rendition
  const headers: HeaderRecord = { 'content-type': IMAGE_MIME[format], ...policyHeaders(request) }
  const disposition = dispositionOf(request, format)
  if (disposition !== undefined) headers['content-disposition'] = disposition
  if (rendition.nsfwProbability !== undefined) headers[NSFW_HEADER] = rendition.nsfwProbability.toFixed(4)
  const representation: Representation = { headers, etag, lastModified, sizeBytes: bytes.length }
  return finish(exchange, representation, (range) => {
    const part = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1)
    // The bytes of a rendition never live in shared memory, which is all that the cast rules out.
    return part as Uint8Array<ArrayBuffer>
  })
}

function policyHeaders({ negotiable }: RenditionRequest): HeaderRecord {
  const headers: HeaderRecord = { ...MEDIA_HEADERS, 'cache-control': mediaCacheControl('image/') }
  if (negotiable) headers.vary = 'Accept'
  return headers
}

/** The file name takes the output's extension; an asset has a name only where it is downloaded. */
function dispositionOf(request: RenditionRequest, format: ImageFormat): string | undefined {
  if (request.kind === 'asset' && !request.download) return undefined
  const source =
    request.kind === 'verified-external' ? fileNameOfUrl(request.url) || 'file' : fileNameOf(request.key)
  const name = withExtension(source, extensionOf(format))
  return contentDisposition(request.download ? 'attachment' : 'inline', name)
}
