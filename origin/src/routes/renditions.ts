import { renditionUrl } from '@media-proxy/shared/request/canonical.ts'
import { renderAttempts } from '@media-proxy/shared/request/render-attempts.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { finish, type Representation, representationHeaders } from '@media-proxy/shared/response/finish.ts'
import { LIFETIME_HEADER } from '@media-proxy/shared/response/lifetime.ts'
import { renditionHeaders, renditionPolicyHeaders } from '@media-proxy/shared/response/rendition.ts'
import type { Pipeline } from '../rendition/pipeline.ts'
import type { Rendition } from '../rendition/rendition.ts'
import type { RenditionRequest } from '../rendition/spec.ts'
import { type Answer, type Exchange, reject } from './exchange.ts'

/** Serves an asset, or a rendition of an attachment or of external media. */
export async function serveRendition(
  pipeline: Pipeline,
  request: RenditionRequest,
  exchange: Exchange,
): Promise<Answer> {
  const url = renditionUrl(request)
  const rendition = pipeline.fresh(url)
  if (rendition !== undefined) {
    const answer: Answer = { ...finishRendition(rendition, request, exchange), outcome: 'hit' }
    const isWhole = answer.response.status === 200 && exchange.method === 'GET'
    return isWhole ? { ...answer, repeatable: { url, rendition } } : answer
  }
  const rejected = pipeline.costsRender(request)
    ? await exchange.requestLimits.consume('renders', renderAttempts(request))
    : undefined
  if (rejected !== undefined) return reject(rejected, exchange.requestId)
  const rendered = await pipeline.render(request, exchange.headers, exchange.signal)
  if (isFailure(rendered)) return reject(rendered, exchange.requestId)
  if (rendered.outcome !== 'not-modified') {
    return { ...finishRendition(rendered.rendition, request, exchange), outcome: rendered.outcome }
  }
  const headers = representationHeaders(
    { headers: renditionPolicyHeaders(request), ...rendered.validators },
    exchange.requestId,
  )
  if (!exchange.forEdge) delete headers[LIFETIME_HEADER]
  return { response: new Response(null, { status: 304, headers }), outcome: 'not-modified' }
}

function finishRendition(rendition: Rendition, request: RenditionRequest, exchange: Exchange): Answer {
  const { bytes, etag, lastModified } = rendition
  const headers = renditionHeaders(request, rendition)
  // Only the edge caches one response for several URLs with different expiries, so only it gets this header.
  if (!exchange.forEdge) delete headers[LIFETIME_HEADER]
  const representation: Representation = { headers, etag, lastModified, sizeBytes: bytes.length }
  let bodyBytes = 0
  const response = finish(exchange, representation, (range) => {
    const part = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1)
    bodyBytes = part.length
    // The bytes of a rendition are never in shared memory. That is the only case that this cast excludes.
    return part as Uint8Array<ArrayBuffer>
  })
  return { response, bodyBytes }
}
