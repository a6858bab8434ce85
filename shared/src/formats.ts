/** Image formats the service writes, their names in URLs, and the choice between them by `Accept`. */

/** A format that a rendition can have. `jpg` in a URL is `jpeg` here. */
export type ImageFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'avif'

/** An extension of an asset's file name, lower case, `jpeg` folded into `jpg`. */
export type AssetExtension = 'png' | 'jpg' | 'webp' | 'gif' | 'avif' | 'svg'

/** MIME type of each output format. */
export const IMAGE_MIME: Readonly<Record<ImageFormat, string>> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
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

/** Reads a `format` value (case-sensitive, without `auto`); undefined if it is none. */
export function parseImageFormat(value: string): ImageFormat | undefined {
  return Object.hasOwn(FORMAT_NAMES, value) ? FORMAT_NAMES[value] : undefined
}

/** Reads an asset's file name extension in any case; undefined if it is none. */
export function parseAssetExtension(value: string): AssetExtension | undefined {
  const lower = value.toLowerCase()
  if (lower === 'svg') return 'svg'
  const format = parseImageFormat(lower)
  return format === undefined ? undefined : extensionOf(format)
}

/** The format an extension asks for. An SVG is never passed through, it is rasterised to WebP. */
export function formatOfExtension(extension: AssetExtension): ImageFormat {
  if (extension === 'svg') return 'webp'
  return extension === 'jpg' ? 'jpeg' : extension
}

/** The file name extension of a format, without the dot. */
export function extensionOf(format: ImageFormat): Exclude<AssetExtension, 'svg'> {
  return format === 'jpeg' ? 'jpg' : format
}

/**
 * Tells whether an `Accept` header names `image/avif` with a weight above zero.
 * Wildcards negotiate nothing: every client sends one, whether it can show AVIF or not.
 */
export function acceptsAvif(accept: string | null | undefined): boolean {
  if (!accept) return false
  for (const range of accept.split(',')) {
    const [type, ...parameters] = range.split(';')
    if (type?.trim().toLowerCase() !== 'image/avif') continue
    return !parameters.some((parameter) => /^\s*q\s*=\s*0(\.0{0,3})?\s*$/i.test(parameter))
  }
  return false
}
