/** The answers of the internal endpoints (contract, section 6), read with care but without a library. */

/** What a file is. Fields that do not apply are absent. */
export interface Metadata {
  readonly format: string
  readonly content_type: string
  /** Lower-case hexadecimal SHA-256 of the bytes. */
  readonly content_hash: string
  /** Bytes. */
  readonly size: number
  /** Pixels of one frame, upright. */
  readonly width?: number
  readonly height?: number
  /** Whole seconds, rounded up. */
  readonly duration?: number
  /** ThumbHash in standard base64; see `placeholderDataUrl`. */
  readonly placeholder?: string
  readonly animated?: boolean
  /** These, where `extras` names them: how picture and sound are coded. */
  readonly codecs?: { readonly video?: string; readonly audio?: string }
  /** Four by three components (https://blurha.sh). */
  readonly blurhash?: string
  /** Up to five colours as `#rrggbb`, the most frequent first. */
  readonly palette?: readonly string[]
  /** 64 bits as 16 hexadecimal digits: pictures that look alike differ in few of them. */
  readonly phash?: string
  /** Base64 of 256 bytes: the peak of each 1/256 of the duration, 0..255. */
  readonly waveform?: string
  readonly nsfw: boolean
  /** 0..1 */
  readonly nsfw_probability: number
  /** Empty where nothing was scanned. */
  readonly nsfw_predictions: Readonly<Partial<Record<NsfwClass, number>>>
  /** The bytes, where they were asked for. */
  readonly base64?: string
}

export type NsfwClass = 'drawing' | 'hentai' | 'neutral' | 'porn' | 'sexy'

export interface StillFrame {
  /** Seconds from the start. */
  readonly timestamp: number
  readonly mime_type: string
  readonly base64: string
}

/** What became of the renditions that were to be made ahead, each by its path. */
export interface Preparation {
  /** There already. */
  readonly ready: readonly string[]
  /** Made when nothing else has work. */
  readonly queued: readonly string[]
  /** Too many are waiting: ask again. */
  readonly refused: readonly string[]
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
  refused: isTexts,
}

/** Undefined where the answer has another form. */
export function readMetadata(value: unknown): Metadata | undefined {
  return has<Metadata>(value, METADATA) ? value : undefined
}

export function readFrames(value: unknown): readonly StillFrame[] | undefined {
  const frames = isRecord(value) ? value.frames : undefined
  return Array.isArray(frames) && frames.every((frame) => has<StillFrame>(frame, FRAME)) ? frames : undefined
}

export function readPreparation(value: unknown): Preparation | undefined {
  return has<Preparation>(value, PREPARATION) ? value : undefined
}

function has<T>(value: unknown, checks: Readonly<Record<keyof T, Check>>): value is T {
  return isRecord(value) && Object.entries<Check>(checks).every(([name, check]) => check(value[name]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
