import type { AssetExtension, ImageFormat, RenditionFormat } from '../formats.ts'
import type { ImageOperations } from './image-operations.ts'
import type { ObjectKey } from './object-key.ts'
import type { RelayRequest } from './relay.ts'

/**
 * Any request that a URL can make to the service. A value of this type has passed the grammar and is valid.
 */
export type MediaRequest =
  | AssetRequest
  | AttachmentRequest
  | FileRequest
  | ExternalRequest
  | EndpointRequest
  | RelayRequest
  | PlaygroundRequest

/** A request that reads or renders media and therefore has a canonical URL. */
export type SourceRequest = AssetRequest | AttachmentRequest | FileRequest | VerifiedExternal

/** An avatar, icon, banner, splash, emoji or sticker. The response is always a rendition. */
export interface AssetRequest {
  readonly kind: 'asset'
  readonly route: AssetRoute
  /** The object key, without the extension and without the `a_` that marks an animated hash. */
  readonly key: ObjectKey
  /** Part of the cache key, because a missing object is looked up again as `<key>.<extension>`. */
  readonly extension: AssetExtension
  readonly rendition: AssetRendition
  /** The request is for the `fallback` of a missing object; its response is cached for minutes only. */
  readonly isFallback?: true
  readonly download: boolean
  /** The response depends on `Accept`. */
  readonly negotiable: boolean
}

/** The folders of images that belong to a user, a guild or another entity. Each is a separate route. */
export const IMAGE_ROUTES = [
  'avatars',
  'icons',
  'banners',
  'splashes',
  'embed-splashes',
  'discovery-splashes',
  'branding',
] as const

export type ImageRoute = (typeof IMAGE_ROUTES)[number]

export type AssetRoute = ImageRoute | 'member-avatars' | 'member-banners' | 'emojis' | 'stickers'

export interface AssetRendition extends ImageOperations {
  /** The largest width, for stickers the largest side, in pixels, 16..16384. Includes `dpr`. */
  readonly size: number
  readonly format: ImageFormat
  readonly quality: Quality
  readonly animated: boolean
  readonly blur?: number
}

/** A quality of 1..100 on the scale of WebP and JPEG, or `lossless`. */
export type Quality = number | 'lossless'

/** A stored file: streamed unchanged, or transformed into an image or a clip. */
export interface AttachmentRequest {
  readonly kind: 'attachment'
  readonly key: ObjectKey
  readonly transformation?: Transformation
  /** The signature in the URL. It is not verified before `verifyAttachment`. */
  readonly signature?: AttachmentSignature | 'malformed'
  /** The expiry of the URL, in unix seconds. Set when the signature has been verified. */
  readonly expiresAt?: number
  readonly download: boolean
  readonly negotiable: boolean
}

/** The parameters `ex`, `is`, `hm`, `uc` of an attachment URL. Times are eight hex digits of unix seconds. */
export interface AttachmentSignature {
  readonly issued: string
  /** `never` in the URL of a data package. */
  readonly expires: string
  /** 64 lower-case hexadecimal digits. */
  readonly mac: string
}

/** A theme or an entrance sound, streamed unchanged. */
export interface FileRequest {
  readonly kind: 'file'
  readonly route: 'themes' | 'entrance-sounds'
  readonly key: ObjectKey
}

/** A rendition of an attachment or of external media. */
export interface Transformation extends ImageOperations {
  /** In pixels, 1..16384. Includes `dpr`. */
  readonly width?: number
  readonly height?: number
  /** Always `cover` when one of the sides is missing, because then it has no effect. */
  readonly fit: Fit
  readonly gravity: Gravity
  /** `source` is the format of the source, or WebP when the service does not write that format. */
  readonly format: RenditionFormat | 'source'
  readonly quality: Quality
  /** The URL specifies a quality. An image that is otherwise unchanged is then encoded again. */
  readonly isQualityRequested: boolean
  /** Keeps all frames when the output format supports animation. */
  readonly animated: boolean
  /** The sigma of the Gaussian blur, in pixels of the rendition, 1..100. */
  readonly blur?: number
  /** The frame of a video, or the start of a clip. Undefined for the first frame that decodes. */
  readonly time?: MediaTime
  /** The longest duration of a clip or a preview, in milliseconds. */
  readonly durationMs?: number
  /** The highest frame rate of a clip, a preview or an animation, in frames per second, 1..30. */
  readonly fps?: number
  /** The clip has no audio track. */
  readonly silent?: true
  /** A sprite sheet of evenly spaced frames of a video. `width` is the width of each frame. */
  readonly sprite?: Sprite
}

/** The grid of a sprite sheet, in frames. */
export interface Sprite {
  readonly columns: number
  readonly rows: number
}

export const FITS = ['cover', 'contain', 'inside'] as const
export type Fit = (typeof FITS)[number]

export const GRAVITIES = [
  ...(['centre', 'north', 'east', 'south', 'west'] as const),
  ...(['attention', 'entropy', 'face'] as const),
] as const
export type Gravity = (typeof GRAVITIES)[number]

/**
 * A position in a video: milliseconds from its start, a whole percentage (0..100) of its duration, or the
 * best of several frames.
 */
export type MediaTime = { readonly milliseconds: number } | { readonly percent: number } | 'best'

/** External media as the URL states it. No part of it may be used before `verifyExternal`. */
export interface ExternalRequest {
  readonly kind: 'external'
  readonly signature: string
  /** The target exactly as it stands in the path of the URL, which is the signed text. */
  readonly rawTarget: string
  /** The signed text of the query parameters. Undefined when the signature does not cover them. */
  readonly signedParameters?: string
  /** The expiry of the URL, in unix seconds. */
  readonly expiresAt?: number
  readonly transformation?: Transformation
  readonly download: boolean
  readonly negotiable: boolean
}

/** External media with a verified signature and expiry and a decoded target. */
export interface VerifiedExternal extends Omit<ExternalRequest, 'kind'> {
  readonly kind: 'verified-external'
  /** An absolute, normalised http or https URL without a fragment. Its address is not checked yet. */
  readonly url: string
}

/** A request that the service answers itself, without a source. */
export interface EndpointRequest {
  readonly kind: 'endpoint'
  readonly endpoint: Endpoint
}

/** A request for the playground's page or its assets, or one that the page makes to the service. */
export interface PlaygroundRequest {
  readonly kind: 'playground'
  /** `entrance` is `/`, which redirects to the page. */
  readonly resource: 'entrance' | PlaygroundFile | PlaygroundAction
}

export type PlaygroundFile = 'page' | 'script' | 'style'

/** Requests that use the service's authority. POST only, and only from pages of the same host. */
export type PlaygroundAction = 'session' | 'sign' | 'upload' | 'metadata' | 'frames' | 'progress'

export type Endpoint =
  | 'health'
  | 'ready'
  | 'metrics'
  | 'telemetry'
  | 'openapi'
  | 'purge'
  | 'metadata'
  | 'thumbnail'
  | 'frames'
  | 'sniff'
  | 'prepare'
