/** From a request to what has to be done: the one place where assets and attachments differ. */

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
import type { SourcePlace } from '../source/reader.ts'

/** An attachment that is not streamed as it is. */
export type TransformedAttachment = AttachmentRequest & { readonly transformation: Transformation }

/** External media that are not passed through as they are. */
export type TransformedExternal = VerifiedExternal & { readonly transformation: Transformation }

export type RenditionRequest = AssetRequest | TransformedAttachment | TransformedExternal

/** What a request wants done: where its source is, and what is to be made of it. */
export interface RenditionJob {
  readonly place: SourcePlace
  /** What a purge calls the source. */
  readonly sourceName: SourceName
  /** Uploads of users and media from elsewhere: `nsfw.onServe` has a say. */
  readonly moderated: boolean
  /** What a source that cannot be decoded is to this request: a bad upload, or a broken store. */
  readonly undecodableIs: FailureCode
  readonly options: RenderOptions
  /** Another rendition of the source is made next. */
  readonly isFollowed?: boolean
}

export function jobOf(request: RenditionRequest): RenditionJob {
  switch (request.kind) {
    case 'asset':
      return assetJob(request)
    case 'attachment':
      return transformationJob(request, { keys: [request.key] })
    case 'verified-external':
      return transformationJob(request, { url: request.url })
  }
}

/** Where stored media are. */
export function placeOf(
  stored:
    | Pick<AssetRequest, 'kind' | 'key' | 'extension'>
    | Pick<AttachmentRequest | FileRequest, 'kind' | 'key'>,
): SourcePlace {
  return { keys: stored.kind === 'asset' ? assetKeys(stored.key, stored.extension) : [stored.key] }
}

function assetJob({ route, key, extension, rendition }: AssetRequest): RenditionJob {
  const { size, ...rest } = rendition
  return {
    place: placeOf({ kind: 'asset', key, extension }),
    sourceName: key,
    moderated: false,
    undecodableIs: 'broken-source',
    options: {
      geometry: { kind: 'asset', route, size },
      ...rest,
      qualityAsked: rest.quality !== DEFAULT_QUALITY,
      imagesOnly: true,
    },
  }
}

/** Older deployments stored assets under their file name; `jpg` and `jpeg` are one extension here. */
function assetKeys(key: ObjectKey, extension: AssetRequest['extension']): readonly ObjectKey[] {
  const suffixes = extension === 'jpg' ? (['.jpg', '.jpeg'] as const) : ([`.${extension}`] as const)
  return [key, ...suffixes.map((suffix) => withSuffix(key, suffix))]
}

function transformationJob(
  request: TransformedAttachment | TransformedExternal,
  place: SourcePlace,
): RenditionJob {
  const { width, height, fit, gravity, ...rest } = request.transformation
  const geometry: Geometry = {
    kind: 'transformation',
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    fit,
    gravity,
  }
  return {
    place,
    sourceName: sourceNameOf(request),
    moderated: true,
    undecodableIs: 'undecodable',
    options: { geometry, ...rest, imagesOnly: false },
  }
}

/** What an SVG becomes where nothing was asked of it. */
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
      qualityAsked: false,
      animated: false,
    },
  }
}
