/**
 * The client library for API servers and apps. It has no dependencies and runs in Node, Workers and browsers.
 */

export { ASSET_SIZES } from '../request/parameters.ts'
export {
  type AttachmentUrls,
  type AttachmentUrlsOptions,
  createAttachmentUrls,
} from './attachment-urls.ts'
export type { Metadata, NsfwClass, Preparation, StillFrame } from './client-answers.ts'
export { type ClientFailure, type ClientFailureCode, isClientFailure } from './client-failure.ts'
export {
  createExternalUrls,
  type ExternalUrlOptions,
  type ExternalUrls,
  type ExternalUrlsOptions,
} from './external-urls.ts'
export {
  type CallOptions,
  createMediaClient,
  type FramesSource,
  type MediaClient,
  type MediaClientOptions,
  type MetadataOptions,
  type MetadataSource,
} from './media-client.ts'
export {
  type AssetFileExtension,
  type AssetKind,
  type AssetUrlOptions,
  createMediaUrls,
  type MediaUrls,
} from './media-urls.ts'
export type {
  AssetParameters,
  AssetSize,
  DevicePixelRatio,
  OutputFormat,
  OutputQuality,
  PaddingText,
  TransformationParameters,
} from './parameters.ts'
export { placeholderAspectRatio, placeholderDataUrl, placeholderPixels } from './placeholder.ts'
export { assetSizeFor, densitySrcset, widthSrcset } from './srcset.ts'
export {
  createUploadUrls,
  type UploadOptions,
  type UploadUrls,
  type UploadUrlsOptions,
} from './upload-urls.ts'
