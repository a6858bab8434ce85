/** The responses of the internal endpoints (contract, section 6), validated without a library. */

/** The metadata of a file. Fields that do not apply are absent. */
export interface Metadata {
  readonly format: string
  readonly content_type: string
  /** The SHA-256 of the bytes, in lower-case hexadecimal digits. */
  readonly content_hash: string
  /** In bytes. */
  readonly size: number
  /** The size of one upright frame, in pixels. */
  readonly width?: number
  readonly height?: number
  /** In whole seconds, rounded up. */
  readonly duration?: number
  /** A ThumbHash in standard base64; see `placeholderDataUrl`. */
  readonly placeholder?: string
  readonly animated?: boolean
  /** The video and audio codecs. This field and the next four are present only if `extras` names them. */
  readonly codecs?: { readonly video?: string; readonly audio?: string }
  /** A BlurHash of four by three components (https://blurha.sh). */
  readonly blurhash?: string
  /** Up to five colours as `#rrggbb`, the most frequent first. */
  readonly palette?: readonly string[]
  /** A perceptual hash of 64 bits, as 16 hexadecimal digits. Similar images differ in few bits. */
  readonly phash?: string
  /** 256 bytes in base64: the peak of each 1/256 of the duration, 0..255. */
  readonly waveform?: string
  readonly nsfw: boolean
  /** In 0..1. */
  readonly nsfw_probability: number
  /** Empty when the file was not scanned. */
  readonly nsfw_predictions: Readonly<Partial<Record<NsfwClass, number>>>
  /** The bytes of the file. Present only if `withBase64` is set. */
  readonly base64?: string
}

export type NsfwClass = 'drawing' | 'hentai' | 'neutral' | 'porn' | 'sexy'

export interface StillFrame {
  /** In seconds from the start. */
  readonly timestamp: number
  readonly mime_type: string
  readonly base64: string
}

/** The outcome of a request to prepare renditions. Each one is listed by its path. */
export interface Preparation {
  /** The renditions that exist already. */
  readonly ready: readonly string[]
  /** The renditions that will be rendered when the service is idle. */
  readonly queued: readonly string[]
  /** The renditions that were rejected because the queue is full; request them again later. */
  readonly rejected: readonly string[]
}

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText)
const isFlag: Check = (value) => typeof value === 'boolean'
const isPredictions: Check = (value) => isRecord(value) && Object.values(value).every(isNumber)
const absentOr =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)

const METADATA: Readonly<Record<keyof Metadata, Check>> = {
  format: isText,
  content_type: isText,
  content_hash: isText,
  size: isNumber,
  width: absentOr(isNumber),
  height: absentOr(isNumber),
  duration: absentOr(isNumber),
  placeholder: absentOr(isText),
  animated: absentOr(isFlag),
  codecs: absentOr((value) => isRecord(value) && Object.values(value).every(isText)),
  blurhash: absentOr(isText),
  palette: absentOr(isTexts),
  phash: absentOr(isText),
  waveform: absentOr(isText),
  nsfw: isFlag,
  nsfw_probability: isNumber,
  nsfw_predictions: isPredictions,
  base64: absentOr(isText),
}

const FRAME: Readonly<Record<keyof StillFrame, Check>> = {
  timestamp: isNumber,
  mime_type: isText,
  base64: isText,
}

const PREPARATION: Readonly<Record<keyof Preparation, Check>> = {
  ready: isTexts,
  queued: isTexts,
  rejected: isTexts,
}

/** Returns a response as metadata. Undefined when it has another form. */
export function readMetadata(value: unknown): Metadata | undefined {
  return has<Metadata>(value, METADATA) ? value : undefined
}

/** Parses the response of `/_frames`. Undefined when it has another form. */
export function readFrames(value: unknown): readonly StillFrame[] | undefined {
  const frames = isRecord(value) ? value.frames : undefined
  return Array.isArray(frames) && frames.every((frame) => has<StillFrame>(frame, FRAME)) ? frames : undefined
}

/** Parses the response of `/_prepare`. Undefined when it has another form. */
export function readPreparation(value: unknown): Preparation | undefined {
  return has<Preparation>(value, PREPARATION) ? value : undefined
}

function has<T>(value: unknown, checks: Readonly<Record<keyof T, Check>>): value is T {
  return isRecord(value) && Object.entries<Check>(checks).every(([name, check]) => check(value[name]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
