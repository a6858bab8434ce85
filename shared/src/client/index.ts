/** What an API server or an app imports: URLs of the service, without a dependency, for Node, Workers and browsers. */

export { ASSET_SIZES } from '../request/parameters.ts'
export { createExternalUrls, type ExternalUrlOptions, type ExternalUrls } from './external-urls.ts'
export { type AssetKind, type AssetUrlOptions, createMediaUrls, type MediaUrls } from './media-urls.ts'
export type {
  AssetParameters,
  OutputFormat,
  OutputQuality,
  TransformationParameters,
} from './parameters.ts'
