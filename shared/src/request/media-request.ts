import type { AssetExtension, ImageFormat, RenditionFormat } from '../formats.ts'
import type { ImageOperations } from './image-operations.ts'
import type { ObjectKey } from './object-key.ts'
import type { RelayRequest } from './relay.ts'

/** Everything a URL can ask of the service. A value of this type has passed the grammar: it cannot be invalid. */
export type MediaRequest =
  | AssetRequest
  | AttachmentRequest
  | FileRequest
  | ExternalRequest
  | EndpointRequest
  | RelayRequest
  | PlaygroundRequest

/** What reads or renders media, and therefore has a canonical URL. */
export type SourceRequest = AssetRequest | AttachmentRequest | FileRequest | VerifiedExternal

/** An avatar, icon, banner, splash, emoji or sticker: always a rendition. */
export interface AssetRequest {
  readonly kind: 'asset'
  readonly route: AssetRoute
  /** The object, without extension and without the `a_` that marks an animated hash. */
  readonly key: ObjectKey
  /** Part of the cache key, because a missing object is looked for again under `<key>.<extension>`. */
  readonly extension: AssetExtension
  readonly rendition: AssetRendition
  /** The object that stands in for a missing one (`fallback`): its answer is kept for minutes only. */
  readonly standsIn?: true
  readonly download: boolean
  /** The answer depends on `Accept`. */
  readonly negotiable: boolean
}

/** Folders of images that belong to somebody or something; each is a route of its own. */
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
  /** Pixels, 16..16384, with `dpr` folded in: bounds the width, for stickers both sides. */
  readonly size: number
  readonly format: ImageFormat
  readonly quality: Quality
  readonly animated: boolean
  readonly blur?: number
}

/** 1..100 on the WebP and JPEG scale, or exact. */
export type Quality = number | 'lossless'

/** A stored file: streamed as it is, or an image or video still made of it. */
export interface AttachmentRequest {
  readonly kind: 'attachment'
  readonly key: ObjectKey
  readonly transformation?: Transformation
  /** As the URL states it; nothing of it holds before `verifyAttachment`. */
  readonly signature?: AttachmentSignature | 'malformed'
  /** Unix seconds from which on the URL is refused, once its signature was checked. */
  readonly expiresAt?: number
  readonly download: boolean
  readonly negotiable: boolean
}

/** The parameters `ex`, `is`, `hm` and `uc` of an attachment's URL; times are eight hexadecimal digits of unix seconds. */
export interface AttachmentSignature {
  readonly issued: string
  /** `never`: the URL of a data package. */
  readonly expires: string
  /** 64 lower-case hexadecimal digits. */
  readonly mac: string
}

/** A theme or an entrance sound: streamed as it is. */
export interface FileRequest {
  readonly kind: 'file'
  readonly route: 'themes' | 'entrance-sounds'
  readonly key: ObjectKey
}

/** What attachments and external media can be turned into. */
export interface Transformation extends ImageOperations {
  /** Pixels, 1..16384, with `dpr` folded in. */
  readonly width?: number
  readonly height?: number
  /** Only `cover` where one of the sides is missing: then it has no effect. */
  readonly fit: Fit
  readonly gravity: Gravity
  /** `source`: the source's own format, or WebP where that is none which is written. */
  readonly format: RenditionFormat | 'source'
  readonly quality: Quality
  /** A quality was asked for: then even an unchanged picture is encoded anew. */
  readonly qualityAsked: boolean
  /** Keep all frames where the output format can hold them. */
  readonly animated: boolean
  /** Gaussian sigma in pixels of the rendition, 1..100. */
  readonly blur?: number
  /** Which frame of a video, or where a clip begins; the first that is shown where nothing is asked. */
  readonly time?: MediaTime
  /** Longest duration of what is made of a video, in milliseconds. */
  readonly durationMs?: number
  /** Most pictures a second of what moves, 1..30. */
  readonly fps?: number
  /** A clip without its sound. */
  readonly silent?: true
  /** A sheet of evenly spaced frames of a video; `width` is that of each. */
  readonly sprite?: Sprite
}

/** How many frames lie beside each other, and below each other. */
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
 * Where in a video: milliseconds from its start, a whole percentage (0..100) of its duration, or the best of several
 * frames.
 */
export type MediaTime = { readonly milliseconds: number } | { readonly percent: number } | 'best'

/** External media as the URL states it; nothing of it may be used before `verifyExternal`. */
export interface ExternalRequest {
  readonly kind: 'external'
  readonly signature: string
  /** Exactly as it stands in the URL's path: this is what was signed. */
  readonly rawTarget: string
  /** The parameters as they were signed, where the target says that they were. */
  readonly signedParameters?: string
  /** Unix seconds from which on the URL is refused. */
  readonly expiresAt?: number
  readonly transformation?: Transformation
  readonly download: boolean
  readonly negotiable: boolean
}

/** External media whose signature and expiry were checked and whose target was decoded. */
export interface VerifiedExternal extends Omit<ExternalRequest, 'kind'> {
  readonly kind: 'verified-external'
  /** Absolute and normalised, http or https, without fragment. Its address is not checked yet. */
  readonly url: string
}

/** What is answered by the service itself rather than from a source. */
export interface EndpointRequest {
  readonly kind: 'endpoint'
  readonly endpoint: Endpoint
}

/** The playground's page, what it is made of, and what it asks of the service. */
export interface PlaygroundRequest {
  readonly kind: 'playground'
  /** `entrance` is `/`, which leads to the page. */
  readonly resource: 'entrance' | PlaygroundFile | PlaygroundAction
}

export type PlaygroundFile = 'page' | 'script' | 'style'

/** What signs, stores or reads with the service's authority: POST only, for pages of the same host alone. */
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
