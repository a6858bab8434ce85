/**
 * The media that the service accepts: each format's name in `/_metadata`, the MIME type it is served with,
 * and its file name extensions. Any format that is not listed here is rejected.
 */

export type SourceImageFormat =
  | 'png'
  | 'jpeg'
  | 'gif'
  | 'webp'
  | 'avif'
  | 'svg'
  | 'heic'
  | 'jxl'
  | 'tiff'
  | 'bmp'
  | 'ico'
export type VideoFormat =
  | 'mp4'
  | 'mov'
  | 'webm'
  | 'mkv'
  | 'avi'
  | 'flv'
  | 'wmv'
  | 'ts'
  | 'mpeg'
  | 'ogv'
  | '3gp'
export type AudioFormat = 'mp3' | 'wav' | 'flac' | 'ogg' | 'opus' | 'aac' | 'm4a' | 'weba' | 'mka'
export type MediaFormat = SourceImageFormat | VideoFormat | AudioFormat

interface KindOf<Kind extends string, Format extends MediaFormat> {
  readonly kind: Kind
  /** APNG is `png`, Opus in Ogg is `opus`, any other audio in Ogg is `ogg`. */
  readonly format: Format
  /** The value of `format` in `/_metadata`, when it differs from the format's name. */
  readonly reportedAs?: string
  readonly mime: string
  /** Lower case, without the dot. The first is the usual one. */
  readonly extensions: readonly [string, ...string[]]
}

type ImageKind = KindOf<'image', SourceImageFormat>
type VideoKind = KindOf<'video', VideoFormat>
export type AudioKind = KindOf<'audio', AudioFormat>
export type MediaKind = ImageKind | VideoKind | AudioKind

const KINDS: Readonly<
  Record<SourceImageFormat, ImageKind> & Record<VideoFormat, VideoKind> & Record<AudioFormat, AudioKind>
> = {
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
  // The registered type. Browsers show cursors with it, too, and also accept image/x-icon.
  ico: { kind: 'image', format: 'ico', mime: 'image/vnd.microsoft.icon', extensions: ['ico', 'cur'] },
  mp4: { kind: 'video', format: 'mp4', mime: 'video/mp4', extensions: ['mp4', 'm4v'] },
  mov: { kind: 'video', format: 'mov', mime: 'video/quicktime', extensions: ['mov', 'qt'] },
  webm: { kind: 'video', format: 'webm', mime: 'video/webm', extensions: ['webm'] },
  mkv: { kind: 'video', format: 'mkv', mime: 'video/x-matroska', extensions: ['mkv'] },
  avi: { kind: 'video', format: 'avi', mime: 'video/x-msvideo', extensions: ['avi'] },
  flv: { kind: 'video', format: 'flv', mime: 'video/x-flv', extensions: ['flv'] },
  wmv: { kind: 'video', format: 'wmv', mime: 'video/x-ms-wmv', extensions: ['wmv', 'asf'] },
  ts: { kind: 'video', format: 'ts', mime: 'video/mp2t', extensions: ['ts', 'mts', 'm2ts'] },
  mpeg: { kind: 'video', format: 'mpeg', mime: 'video/mpeg', extensions: ['mpeg', 'mpg', 'vob'] },
  ogv: { kind: 'video', format: 'ogv', mime: 'video/ogg', extensions: ['ogv'] },
  '3gp': { kind: 'video', format: '3gp', mime: 'video/3gpp', extensions: ['3gp', '3g2'] },
  mp3: { kind: 'audio', format: 'mp3', mime: 'audio/mpeg', extensions: ['mp3'] },
  wav: { kind: 'audio', format: 'wav', mime: 'audio/wav', extensions: ['wav'] },
  flac: { kind: 'audio', format: 'flac', mime: 'audio/flac', extensions: ['flac'] },
  ogg: { kind: 'audio', format: 'ogg', mime: 'audio/ogg', extensions: ['ogg', 'oga'] },
  opus: { kind: 'audio', format: 'opus', mime: 'audio/ogg', extensions: ['opus'] },
  aac: { kind: 'audio', format: 'aac', mime: 'audio/aac', extensions: ['aac'] },
  m4a: { kind: 'audio', format: 'm4a', mime: 'audio/mp4', extensions: ['m4a', 'm4b'] },
  weba: {
    kind: 'audio',
    format: 'weba',
    reportedAs: 'webm',
    mime: 'audio/webm',
    extensions: ['weba', 'webm'],
  },
  mka: { kind: 'audio', format: 'mka', mime: 'audio/x-matroska', extensions: ['mka', 'mkv'] },
}

/** Every accepted kind, in the order of the contract. */
export const MEDIA_KINDS: readonly MediaKind[] = Object.values(KINDS)

/** Returns the kind of a format. */
export const mediaKind = <Format extends MediaFormat>(format: Format) => KINDS[format]

/** Whether files of a format are HEIF, which can hold a sequence of images besides a still one. */
export const isHeif = (format: MediaFormat | undefined): format is 'avif' | 'heic' =>
  format === 'avif' || format === 'heic'

/** Returns the audio kind of a video container that holds only audio. Undefined when that is not accepted. */
export const audioOnlyKind = (format: MediaFormat): AudioKind | undefined => AUDIO_ONLY_KINDS.get(format)

const AUDIO_ONLY_KINDS: ReadonlyMap<MediaFormat, AudioKind> = new Map([
  ['mp4', KINDS.m4a],
  ['mov', KINDS.m4a],
  ['3gp', KINDS.m4a],
  ['webm', KINDS.weba],
  ['mkv', KINDS.mka],
])

/** Returns the video kind of an audio container that holds a video. Undefined when it cannot hold one. */
export const videoKindOf = (format: MediaFormat): VideoKind | undefined => VIDEO_KINDS.get(format)

/**
 * Returns the kind as which media is opened to show it. An audio container that can hold a video is opened as
 * a video, because its tracks may come after the bytes that identify it.
 */
export const shownKind = (kind: MediaKind | undefined): MediaKind | undefined =>
  kind?.kind === 'audio' ? (videoKindOf(kind.format) ?? kind) : kind

const VIDEO_KINDS: ReadonlyMap<MediaFormat, VideoKind> = new Map([
  ['m4a', KINDS.mp4],
  ['weba', KINDS.webm],
  ['mka', KINDS.mkv],
])

/**
 * Returns the kind of a file name's extension, case-insensitively. Undefined when there is no extension, or
 * an unknown one.
 */
export const mediaKindOfName = (fileName: string): MediaKind | undefined => {
  const extension = /\.([^.]+)$/.exec(fileName)?.[1]?.toLowerCase()
  if (extension === undefined) return undefined
  return MEDIA_KINDS.find((kind) => kind.extensions.includes(extension))
}
