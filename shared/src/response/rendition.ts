/** What a rendition is answered with, at whichever door it is found. */

import { extensionOf, isClipFormat, mimeOf, type RenditionFormat } from '../formats.ts'
import type { AssetRequest, AttachmentRequest, VerifiedExternal } from '../request/media-request.ts'
import { fileNameOf } from '../request/object-key.ts'
import {
  contentDisposition,
  fileNameOfUrl,
  type HeaderRecord,
  MEDIA_HEADERS,
  mediaCacheControl,
  withExtension,
} from './headers.ts'
import { formatLife, LIFE_HEADER, limitedCacheControl } from './life.ts'

/** Answers that carry a verdict of a scan tell its probability by this header. */
export const NSFW_HEADER = 'x-media-nsfw'

/** A request that can be answered by a rendition. */
export type RenderableRequest = AssetRequest | AttachmentRequest | VerifiedExternal

export interface RenditionDescription {
  readonly format: RenditionFormat
  /** How likely the source is not safe for work, 0..1, where that was looked at. */
  readonly nsfwProbability?: number | undefined
  /** What bounds the life of the answer, in seconds. */
  readonly lifeSeconds?: number | undefined
  /** Of a sheet of frames: seconds from one to the next. */
  readonly spriteIntervalSeconds?: number | undefined
}

/** All headers of a rendition but its length and validators. */
export function renditionHeaders(
  request: RenderableRequest,
  { format, nsfwProbability, lifeSeconds, spriteIntervalSeconds }: RenditionDescription,
): HeaderRecord {
  const headers: HeaderRecord = { 'content-type': mimeOf(format), ...renditionPolicyHeaders(request) }
  if (lifeSeconds !== undefined) Object.assign(headers, shortLife(lifeSeconds))
  const disposition = dispositionOf(request, format)
  if (disposition !== undefined) headers['content-disposition'] = disposition
  if (spriteIntervalSeconds !== undefined) headers['x-sprite-interval'] = spriteIntervalSeconds.toFixed(3)
  if (nsfwProbability !== undefined) headers[NSFW_HEADER] = nsfwProbability.toFixed(4)
  return headers
}

/** Those that do not depend on what was made, for a 304. */
export function renditionPolicyHeaders(request: RenderableRequest): HeaderRecord {
  const headers: HeaderRecord = {
    ...MEDIA_HEADERS,
    'cache-control': mediaCacheControl(isClip(request) ? 'video/' : 'image/'),
  }
  if (request.negotiable) headers.vary = 'Accept'
  if (request.kind === 'asset' && request.standsIn) Object.assign(headers, shortLife(FALLBACK_SECONDS))
  return headers
}

/** What stands in for a missing object makes way for it soon. */
const FALLBACK_SECONDS = 300

function shortLife(seconds: number): HeaderRecord {
  return {
    'cache-control': limitedCacheControl(seconds),
    [LIFE_HEADER]: formatLife({ seconds, mustRevalidate: false }),
  }
}

function isClip(request: RenderableRequest): boolean {
  const asked = request.kind === 'asset' ? request.rendition : request.transformation
  return asked !== undefined && isClipFormat(asked.format)
}

/** The file name takes the output's extension; an asset has a name only where it is downloaded. */
function dispositionOf(request: RenderableRequest, format: RenditionFormat): string | undefined {
  if (request.kind === 'asset' && !request.download) return undefined
  const source =
    request.kind === 'verified-external' ? fileNameOfUrl(request.url) || 'file' : fileNameOf(request.key)
  const name = withExtension(source, extensionOf(format))
  return contentDisposition(request.download ? 'attachment' : 'inline', name)
}
