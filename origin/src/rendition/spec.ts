/**
 * Turns a request into the specification of a rendition. This is the only
 * place where assets and attachments are treated differently.
 */

import type {
  AssetRequest,
  AttachmentRequest,
  FileRequest,
  Transformation,
  VerifiedExternal,
} from '@media-proxy/shared/request/media-request.ts'
import { type ObjectKey, withSuffix } from '@media-proxy/shared/request/object-key.ts'
import { DEFAULT_QUALITY } from '@media-proxy/shared/request/parameters.ts'
import { type SourceName, sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import type { FailureCode } from '@media-proxy/shared/response/failure.ts'
import type { Geometry, RenderOptions } from '../engine/render-options.ts'
import type { SourceLocation } from '../source/reader.ts'

/** A request for an attachment that is transformed rather than streamed unchanged. */
export type TransformedAttachment = AttachmentRequest & { readonly transformation: Transformation }

/** A request for external media that are transformed rather than passed through unchanged. */
export type TransformedExternal = VerifiedExternal & { readonly transformation: Transformation }

export type RenditionRequest = AssetRequest | TransformedAttachment | TransformedExternal

/** Whether media are transformed. Otherwise they are passed through unchanged. */
export function isTransformed<R extends AttachmentRequest | VerifiedExternal>(
  request: R,
): request is R & { readonly transformation: Transformation } {
  return request.transformation !== undefined
}

/** The work that a request needs: where its source is, and what to make from it. */
export interface RenditionSpec {
  readonly location: SourceLocation
  /** The name of the source in purge requests. */
  readonly sourceName: SourceName
  /** Whether `nsfw.onServe` applies. It does for user uploads and external media. */
  readonly moderated: boolean
  /**
   * The failure to report when the source cannot be decoded:
   * either a bad upload, or a broken object in the store.
   */
  readonly undecodableIs: FailureCode
  readonly options: RenderOptions
  /** Whether the next rendition has the same source. */
  readonly isFollowed?: boolean
}

/** Returns what to render for a request: its source, and the options of the render. */
export function specOf(request: RenditionRequest): RenditionSpec {
  switch (request.kind) {
    case 'asset':
      return assetSpec(request)
    case 'attachment':
      return transformationSpec(request, { keys: [request.key] })
    case 'verified-external':
      return transformationSpec(request, { url: request.url })
  }
}

/** Returns where stored media are in the store. */
export function locationOf(
  stored:
    | Pick<AssetRequest, 'kind' | 'key' | 'extension'>
    | Pick<AttachmentRequest | FileRequest, 'kind' | 'key'>,
): SourceLocation {
  return { keys: stored.kind === 'asset' ? assetKeys(stored.key, stored.extension) : [stored.key] }
}

function assetSpec({ route, key, extension, rendition }: AssetRequest): RenditionSpec {
  const { size, ...rest } = rendition
  return {
    location: locationOf({ kind: 'asset', key, extension }),
    sourceName: key,
    moderated: false,
    undecodableIs: 'broken-source',
    options: {
      geometry: { kind: 'asset', route, size },
      ...rest,
      isQualityRequested: rest.quality !== DEFAULT_QUALITY,
      imagesOnly: true,
    },
  }
}

/**
 * Older deployments stored assets under their file name, so the key with an extension is tried as well. `jpg`
 * and `jpeg` count as the same extension.
 */
function assetKeys(key: ObjectKey, extension: AssetRequest['extension']): readonly ObjectKey[] {
  const suffixes = extension === 'jpg' ? (['.jpg', '.jpeg'] as const) : ([`.${extension}`] as const)
  return [key, ...suffixes.map((suffix) => withSuffix(key, suffix))]
}

function transformationSpec(
  request: TransformedAttachment | TransformedExternal,
  location: SourceLocation,
): RenditionSpec {
  const { width, height, fit, gravity, ...rest } = request.transformation
  const geometry: Geometry = {
    kind: 'transformation',
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    fit,
    gravity,
  }
  return {
    location,
    sourceName: sourceNameOf(request),
    moderated: true,
    undecodableIs: 'undecodable',
    options: { geometry, ...rest, imagesOnly: false },
  }
}

/** Adds the default transformation with which an SVG is rasterised when the request contains none. */
export function rasterised<R extends AttachmentRequest | VerifiedExternal>(
  request: R,
): R & { readonly transformation: Transformation } {
  return {
    ...request,
    transformation: {
      fit: 'cover',
      gravity: 'centre',
      format: 'webp',
      quality: DEFAULT_QUALITY,
      isQualityRequested: false,
      animated: false,
    },
  }
}
