/** The formats that the service writes, their names in URLs, and the negotiation between them by `Accept`. */

/** An image format of a rendition. `jpg` in a URL is `jpeg` here. */
export type ImageFormat = (typeof IMAGE_FORMATS)[number]

export const IMAGE_FORMATS = ['png', 'jpeg', 'webp', 'gif', 'avif'] as const

/** A video format with audio. */
export type ClipFormat = (typeof CLIP_FORMATS)[number]

export const CLIP_FORMATS = ['mp4', 'webm'] as const

/** A format of a rendition. */
export type RenditionFormat = ImageFormat | ClipFormat

export const RENDITION_FORMATS = [...IMAGE_FORMATS, ...CLIP_FORMATS] as const

/** The extension of an asset's file name, in lower case, with `jpg` for `jpeg`. */
export type AssetExtension = WrittenExtension | 'apng' | 'svg' | 'heic' | 'jxl'

/** The extension of a file that the service writes. */
export type WrittenExtension = 'png' | 'jpg' | 'webp' | 'gif' | 'avif'

/** The MIME type of each image format. */
const IMAGE_MIME: Readonly<Record<ImageFormat, string>> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
}

/** The MIME type of each clip format. */
const CLIP_MIME: Readonly<Record<ClipFormat, string>> = { mp4: 'video/mp4', webm: 'video/webm' }

/** Whether a format is a video format. */
export function isClipFormat(format: string): format is ClipFormat {
  return Object.hasOwn(CLIP_MIME, format)
}

/** Returns the MIME type of a rendition. */
export function mimeOf(format: RenditionFormat): string {
  return isClipFormat(format) ? CLIP_MIME[format] : IMAGE_MIME[format]
}

/** Below this side, in pixels, AVIF's header is larger than its saving, so `auto` does not choose it. */
export const AVIF_MIN_SIDE_PIXELS = 96

const FORMAT_NAMES: Readonly<Record<string, ImageFormat>> = {
  png: 'png',
  jpg: 'jpeg',
  jpeg: 'jpeg',
  webp: 'webp',
  gif: 'gif',
  avif: 'avif',
}

/** The names of image formats in URLs. */
export const IMAGE_FORMAT_NAMES: readonly string[] = Object.keys(FORMAT_NAMES)

/** Parses an image format of a URL (case-sensitive, without `auto`). Undefined for anything else. */
export function parseImageFormat(value: string): ImageFormat | undefined {
  return Object.hasOwn(FORMAT_NAMES, value) ? FORMAT_NAMES[value] : undefined
}

/** Parses the extension of an asset's file name in any case. Undefined for anything else. */
export function parseAssetExtension(value: string): AssetExtension | undefined {
  const lower = value.toLowerCase()
  if (Object.hasOwn(READ_ONLY_EXTENSIONS, lower)) return lower as keyof typeof READ_ONLY_EXTENSIONS
  const format = parseImageFormat(lower)
  return format === undefined ? undefined : extensionOf(format)
}

/** Extensions of stored files whose response has another format. An SVG is never passed through. */
const READ_ONLY_EXTENSIONS = { apng: 'png', svg: 'webp', heic: 'webp', jxl: 'webp' } as const

/** The extensions of assets in URLs, in lower case. */
export const ASSET_EXTENSIONS: readonly string[] = [
  ...IMAGE_FORMAT_NAMES,
  ...Object.keys(READ_ONLY_EXTENSIONS),
]

/** Returns the format that an extension requests. */
export function formatOfExtension(extension: AssetExtension): ImageFormat {
  if (extension === 'jpg') return 'jpeg'
  return Object.hasOwn(READ_ONLY_EXTENSIONS, extension)
    ? READ_ONLY_EXTENSIONS[extension as keyof typeof READ_ONLY_EXTENSIONS]
    : (extension as Exclude<WrittenExtension, 'jpg'>)
}

/** Returns the file name extension of a format, without the dot. */
export function extensionOf(format: ImageFormat): WrittenExtension
export function extensionOf(format: RenditionFormat): WrittenExtension | ClipFormat
export function extensionOf(format: RenditionFormat): WrittenExtension | ClipFormat {
  return format === 'jpeg' ? 'jpg' : format
}

/**
 * Whether an `Accept` header lists a type with a weight above zero. Wildcards do not count, because every
 * client sends one, whether it supports AVIF or not.
 */
export function acceptsType(
  accept: string | null | undefined,
  mediaType: 'image/avif' | 'image/webp',
): boolean {
  if (!accept) return false
  for (const range of accept.split(',')) {
    const [type, ...parameters] = range.split(';')
    if (type?.trim().toLowerCase() !== mediaType) continue
    return !parameters.some((parameter) => /^\s*q\s*=\s*0(\.0{0,3})?\s*$/i.test(parameter))
  }
  return false
}
