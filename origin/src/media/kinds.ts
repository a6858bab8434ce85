/**
 * The media this service accepts, as one table: what `/_metadata` calls a format, the MIME type it is served
 * with, and the file name extensions that stand for it. A format that is not here is refused everywhere.
 */

export type ImageFormat = 'png' | 'jpeg' | 'gif' | 'webp' | 'avif' | 'svg' | 'heic' | 'jxl' | 'tiff' | 'bmp'
export type VideoFormat = 'mp4' | 'mov' | 'webm' | 'mkv' | 'avi'
export type AudioFormat = 'mp3' | 'wav' | 'flac' | 'ogg' | 'opus' | 'aac' | 'm4a'
export type MediaFormat = ImageFormat | VideoFormat | AudioFormat

interface KindOf<Kind extends string, Format extends MediaFormat> {
  readonly kind: Kind
  /** The name in `/_metadata`'s `format`. APNG is `png`, Opus in Ogg is `opus`, any other Ogg is `ogg`. */
  readonly format: Format
  readonly mime: string
  /** Lower case, without the dot; the first is the usual one. */
  readonly extensions: readonly [string, ...string[]]
}

export type MediaKind =
  | KindOf<'image', ImageFormat>
  | KindOf<'video', VideoFormat>
  | KindOf<'audio', AudioFormat>

const KINDS: Readonly<Record<MediaFormat, MediaKind>> = {
  png: { kind: 'image', format: 'png', mime: 'image/png', extensions: ['png', 'apng'] },
  jpeg: { kind: 'image', format: 'jpeg', mime: 'image/jpeg', extensions: ['jpg', 'jpeg', 'jpe', 'jfif'] },
  gif: { kind: 'image', format: 'gif', mime: 'image/gif', extensions: ['gif'] },
  webp: { kind: 'image', format: 'webp', mime: 'image/webp', extensions: ['webp'] },
  avif: { kind: 'image', format: 'avif', mime: 'image/avif', extensions: ['avif'] },
  svg: { kind: 'image', format: 'svg', mime: 'image/svg+xml', extensions: ['svg', 'svgz'] },
  heic: { kind: 'image', format: 'heic', mime: 'image/heic', extensions: ['heic', 'heif'] },
  jxl: { kind: 'image', format: 'jxl', mime: 'image/jxl', extensions: ['jxl'] },
  bmp: { kind: 'image', format: 'bmp', mime: 'image/bmp', extensions: ['bmp', 'dib'] },
  tiff: { kind: 'image', format: 'tiff', mime: 'image/tiff', extensions: ['tiff', 'tif'] },
  mp4: { kind: 'video', format: 'mp4', mime: 'video/mp4', extensions: ['mp4', 'm4v'] },
  mov: { kind: 'video', format: 'mov', mime: 'video/quicktime', extensions: ['mov', 'qt'] },
  webm: { kind: 'video', format: 'webm', mime: 'video/webm', extensions: ['webm'] },
  mkv: { kind: 'video', format: 'mkv', mime: 'video/x-matroska', extensions: ['mkv'] },
  avi: { kind: 'video', format: 'avi', mime: 'video/x-msvideo', extensions: ['avi'] },
  mp3: { kind: 'audio', format: 'mp3', mime: 'audio/mpeg', extensions: ['mp3'] },
  wav: { kind: 'audio', format: 'wav', mime: 'audio/wav', extensions: ['wav'] },
  flac: { kind: 'audio', format: 'flac', mime: 'audio/flac', extensions: ['flac'] },
  ogg: { kind: 'audio', format: 'ogg', mime: 'audio/ogg', extensions: ['ogg', 'oga'] },
  opus: { kind: 'audio', format: 'opus', mime: 'audio/ogg', extensions: ['opus'] },
  aac: { kind: 'audio', format: 'aac', mime: 'audio/aac', extensions: ['aac'] },
  m4a: { kind: 'audio', format: 'm4a', mime: 'audio/mp4', extensions: ['m4a', 'm4b'] },
}

/** Every accepted kind, in the order of the contract. */
export const MEDIA_KINDS: readonly MediaKind[] = Object.values(KINDS)

/** The kind of a format name. */
export const mediaKind = (format: MediaFormat): MediaKind => KINDS[format]

/** The kind that a file name's extension stands for, in any case; undefined for none or an unknown one. */
export const mediaKindOfName = (fileName: string): MediaKind | undefined => {
  const extension = /\.([^.]+)$/.exec(fileName)?.[1]?.toLowerCase()
  if (extension === undefined) return undefined
  return MEDIA_KINDS.find((kind) => kind.extensions.includes(extension))
}
