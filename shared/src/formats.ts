/** Image formats the service writes, their names in URLs, and the choice between them by `Accept`. */

/** A format that a rendition can have. `jpg` in a URL is `jpeg` here. */
export type ImageFormat = (typeof IMAGE_FORMATS)[number]

export const IMAGE_FORMATS = ['png', 'jpeg', 'webp', 'gif', 'avif'] as const

/** A format of moving pictures with sound. */
export type ClipFormat = (typeof CLIP_FORMATS)[number]

export const CLIP_FORMATS = ['mp4', 'webm'] as const

/** What a rendition can be. */
export type RenditionFormat = ImageFormat | ClipFormat

export const RENDITION_FORMATS = [...IMAGE_FORMATS, ...CLIP_FORMATS] as const

/** An extension of an asset's file name, lower case, `jpeg` folded into `jpg`. */
export type AssetExtension = WrittenExtension | 'apng' | 'svg' | 'heic' | 'jxl'

/** The extension of a file that the service writes. */
export type WrittenExtension = 'png' | 'jpg' | 'webp' | 'gif' | 'avif'

/** MIME type of each output format. */
export const IMAGE_MIME: Readonly<Record<ImageFormat, string>> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
}

/** MIME type of each kind of clip. */
const CLIP_MIME: Readonly<Record<ClipFormat, string>> = { mp4: 'video/mp4', webm: 'video/webm' }

/** Tells whether a format is one of moving pictures with sound. */
export function isClipFormat(format: string): format is ClipFormat {
  return Object.hasOwn(CLIP_MIME, format)
}

/** MIME type of a rendition. */
export function mimeOf(format: RenditionFormat): string {
  return isClipFormat(format) ? CLIP_MIME[format] : IMAGE_MIME[format]
}

/** Below this wanted side, in pixels, AVIF's header outweighs its saving, so `auto` stays with the own format. */
export const AVIF_MIN_SIDE_PIXELS = 96

const FORMAT_NAMES: Readonly<Record<string, ImageFormat>> = {
  png: 'png',
  jpg: 'jpeg',
  jpeg: 'jpeg',
  webp: 'webp',
  gif: 'gif',
  avif: 'avif',
}

/** Image formats as a URL names them. */
export const IMAGE_FORMAT_NAMES: readonly string[] = Object.keys(FORMAT_NAMES)

/** Reads a `format` value (case-sensitive, without `auto`); undefined if it is none. */
export function parseImageFormat(value: string): ImageFormat | undefined {
  return Object.hasOwn(FORMAT_NAMES, value) ? FORMAT_NAMES[value] : undefined
}

/** Reads an asset's file name extension in any case; undefined if it is none. */
export function parseAssetExtension(value: string): AssetExtension | undefined {
  const lower = value.toLowerCase()
  if (Object.hasOwn(READ_ONLY_EXTENSIONS, lower)) return lower as keyof typeof READ_ONLY_EXTENSIONS
  const format = parseImageFormat(lower)
  return format === undefined ? undefined : extensionOf(format)
}

/** Extensions that files are stored under and that are answered in another format. An SVG is never passed through. */
const READ_ONLY_EXTENSIONS = { apng: 'png', svg: 'webp', heic: 'webp', jxl: 'webp' } as const

/** The format an extension asks for. */
export function formatOfExtension(extension: AssetExtension): ImageFormat {
  if (extension === 'jpg') return 'jpeg'
  return Object.hasOwn(READ_ONLY_EXTENSIONS, extension)
    ? READ_ONLY_EXTENSIONS[extension as keyof typeof READ_ONLY_EXTENSIONS]
    : (extension as Exclude<WrittenExtension, 'jpg'>)
}

/** The file name extension of a format, without the dot. */
export function extensionOf(format: ImageFormat): WrittenExtension
export function extensionOf(format: RenditionFormat): WrittenExtension | ClipFormat
export function extensionOf(format: RenditionFormat): WrittenExtension | ClipFormat {
  return format === 'jpeg' ? 'jpg' : format
}

/**
 * Tells whether an `Accept` header names a type with a weight above zero.
 * Wildcards negotiate nothing: every client sends one, whether it can show AVIF or not.
 */
export function acceptsType(accept: string | null | undefined, wanted: 'image/avif' | 'image/webp'): boolean {
  if (!accept) return false
  for (const range of accept.split(',')) {
    const [type, ...parameters] = range.split(';')
    if (type?.trim().toLowerCase() !== wanted) continue
    return !parameters.some((parameter) => /^\s*q\s*=\s*0(\.0{0,3})?\s*$/i.test(parameter))
  }
  return false
}
