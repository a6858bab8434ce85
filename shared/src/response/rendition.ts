/** The response headers of renditions, shared by the edge and the origin. */

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
import { formatLifetime, LIFETIME_HEADER, limitedCacheControl } from './lifetime.ts'

/** The response header with the probability from an NSFW scan, when there was one. */
export const NSFW_HEADER = 'x-media-nsfw'

/** A request whose response can be a rendition. */
export type RenderableRequest = AssetRequest | AttachmentRequest | VerifiedExternal

export interface RenditionDescription {
  readonly format: RenditionFormat
  /** The probability that the source is not safe for work, 0..1. Undefined when it was not scanned. */
  readonly nsfwProbability?: number | undefined
  /** The cache lifetime of the response, in seconds. Undefined for the default. */
  readonly lifetimeSeconds?: number | undefined
  /** The time between two frames of a sprite sheet, in seconds. */
  readonly spriteIntervalSeconds?: number | undefined
}

/** Returns all headers of a rendition except its length and validators. */
export function renditionHeaders(
  request: RenderableRequest,
  { format, nsfwProbability, lifetimeSeconds, spriteIntervalSeconds }: RenditionDescription,
): HeaderRecord {
  const headers: HeaderRecord = { 'content-type': mimeOf(format), ...renditionPolicyHeaders(request) }
  if (lifetimeSeconds !== undefined) Object.assign(headers, shortLifetime(lifetimeSeconds))
  const disposition = dispositionOf(request, format)
  if (disposition !== undefined) headers['content-disposition'] = disposition
  if (spriteIntervalSeconds !== undefined) headers['x-sprite-interval'] = spriteIntervalSeconds.toFixed(3)
  if (nsfwProbability !== undefined) headers[NSFW_HEADER] = nsfwProbability.toFixed(4)
  return headers
}

/** Returns the headers that do not depend on the rendered result, for a 304. */
export function renditionPolicyHeaders(request: RenderableRequest): HeaderRecord {
  const headers: HeaderRecord = {
    ...MEDIA_HEADERS,
    'cache-control': mediaCacheControl(isClip(request) ? 'video/' : 'image/'),
  }
  if (request.negotiable) headers.vary = 'Accept'
  if (request.kind === 'asset' && request.isFallback) Object.assign(headers, shortLifetime(FALLBACK_SECONDS))
  return headers
}

/** The cache lifetime of a fallback, which the missing object is to replace soon. */
const FALLBACK_SECONDS = 300

function shortLifetime(seconds: number): HeaderRecord {
  return {
    'cache-control': limitedCacheControl(seconds),
    // Without any lifetime, the source was purged.
    [LIFETIME_HEADER]: formatLifetime({ seconds, mustRevalidate: seconds === 0 }),
  }
}

function isClip(request: RenderableRequest): boolean {
  const transformation = request.kind === 'asset' ? request.rendition : request.transformation
  return transformation !== undefined && isClipFormat(transformation.format)
}

/**
 * Returns a `Content-Disposition` with the output's extension. Undefined for an asset that is not downloaded.
 */
function dispositionOf(request: RenderableRequest, format: RenditionFormat): string | undefined {
  if (request.kind === 'asset' && !request.download) return undefined
  const source =
    request.kind === 'verified-external' ? fileNameOfUrl(request.url) || 'file' : fileNameOf(request.key)
  const name = withExtension(source, extensionOf(format))
  return contentDisposition(request.download ? 'attachment' : 'inline', name)
}
