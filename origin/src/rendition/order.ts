/** From a request to what has to be done with its source: the one place where assets and attachments differ. */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type {
  AssetRequest,
  AttachmentRequest,
  MediaTime,
  Quality,
  Transformation,
  VerifiedExternal,
} from '@media-proxy/shared/request/media-request.ts'
import { type ObjectKey, withSuffix } from '@media-proxy/shared/request/object-key.ts'
import { DEFAULT_QUALITY } from '@media-proxy/shared/request/parameters.ts'
import { type SourceName, sourceNameOf } from '@media-proxy/shared/request/purge.ts'
import type { FailureCode } from '@media-proxy/shared/response/failure.ts'
import { type Plan, planAsset, planTransformation, type Size } from '../engine/process/image/plan.ts'
import type { ImageFormat as SourceFormat } from '../media/kinds.ts'
import type { SourcePlace } from '../source/reader.ts'

/** An attachment that is not streamed as it is. */
export type TransformedAttachment = AttachmentRequest & { readonly transformation: Transformation }

/** External media that are not passed through as they are. */
export type TransformedExternal = VerifiedExternal & { readonly transformation: Transformation }

export type RenditionRequest = AssetRequest | TransformedAttachment | TransformedExternal

export interface Order {
  readonly place: SourcePlace
  /** What a purge calls the source. */
  readonly sourceName: SourceName
  /** Uploads of users and media from elsewhere: `nsfw.onServe` has a say. */
  readonly policed: boolean
  /** What a source that cannot be decoded is to this request: a bad upload, or a broken store. */
  readonly undecodableIs: FailureCode
  /** Anything else than an image is a source that cannot be decoded. */
  readonly imagesOnly: boolean
  readonly quality: Quality
  /** A quality was asked for, so that even an unchanged picture is encoded anew. */
  readonly qualityAsked: boolean
  readonly animated: boolean
  readonly blur?: number
  /** Which frame of a video; the first that decodes where nothing was asked. */
  readonly time?: MediaTime
  readonly format: (source: SourceFormat | 'video') => ImageFormat
  readonly plan: (source: Size) => Plan
}

export function orderOf(request: RenditionRequest): Order {
  switch (request.kind) {
    case 'asset':
      return assetOrder(request)
    case 'attachment':
      return transformationOrder(request, { keys: [request.key] })
    case 'verified-external':
      return transformationOrder(request, { url: request.url })
  }
}

function assetOrder({ route, key, extension, rendition }: AssetRequest): Order {
  const { size, format, quality, animated, blur } = rendition
  return {
    place: { keys: assetKeys(key, extension) },
    sourceName: key,
    policed: false,
    undecodableIs: 'broken-source',
    imagesOnly: true,
    quality,
    qualityAsked: quality !== DEFAULT_QUALITY,
    animated,
    ...(blur === undefined ? {} : { blur }),
    format: () => format,
    plan: (source) => planAsset(route, source, size),
  }
}

/** Older deployments stored assets under their file name; `jpg` and `jpeg` are one extension here. */
function assetKeys(key: ObjectKey, extension: AssetRequest['extension']): readonly ObjectKey[] {
  const suffixes = extension === 'jpg' ? (['.jpg', '.jpeg'] as const) : ([`.${extension}`] as const)
  return [key, ...suffixes.map((suffix) => withSuffix(key, suffix))]
}

function transformationOrder(
  request: TransformedAttachment | TransformedExternal,
  place: SourcePlace,
): Order {
  const { transformation } = request
  const { format, quality, qualityAsked, animated, blur, time } = transformation
  return {
    place,
    sourceName: sourceNameOf(request),
    policed: true,
    undecodableIs: 'undecodable',
    imagesOnly: false,
    quality,
    qualityAsked,
    animated,
    ...(blur === undefined ? {} : { blur }),
    ...(time === undefined ? {} : { time }),
    format: (source) => (format === 'source' ? ownFormat(source) : format),
    plan: (source) => planTransformation(source, transformation),
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

/** What is no output format itself (SVG, TIFF, HEIC, a still of a video) becomes WebP. */
function ownFormat(source: SourceFormat | 'video'): ImageFormat {
  switch (source) {
    case 'png':
    case 'jpeg':
    case 'webp':
    case 'gif':
    case 'avif':
      return source
    case 'svg':
    case 'tiff':
    case 'heic':
    case 'video':
      return 'webp'
  }
}
