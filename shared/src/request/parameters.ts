/**
 * The query parameters: names, values, defaults, and which of them have an effect (contract, section 2). An
 * unknown parameter is ignored, the first value of a repeated parameter counts, and a bad value of a known
 * parameter is rejected.
 */

import {
  AVIF_MIN_SIDE_PIXELS,
  acceptsType,
  type ImageFormat,
  isClipFormat,
  parseImageFormat,
  type RenditionFormat,
} from '../formats.ts'
import { type Failure, fail } from '../response/failure.ts'
import { effectiveOperations, readOperations } from './image-operations.ts'
import {
  type AssetRendition,
  FITS,
  type Fit,
  GRAVITIES,
  type Gravity,
  type MediaTime,
  type Quality,
  type Sprite,
  type Transformation,
} from './media-request.ts'
import { oneOf, parseBoolean, parseInteger, type ValueParser } from './parameter-values.ts'
import type { PresetRules } from './preset-rules.ts'

/** The sizes in which assets are rendered, in pixels. */
export const ASSET_SIZES = [
  16, 20, 22, 24, 28, 32, 40, 44, 48, 56, 60, 64, 80, 96, 100, 128, 160, 240, 256, 300, 320, 480, 512, 600,
  640, 1024, 1280, 1536, 2048, 3072, 4096, 8192, 16384,
] as const

export const DEFAULT_ASSET_SIZE = 128
/** The largest side of a source, and therefore of a rendition, in pixels. */
export const MAX_SIDE_PIXELS = 16384
export const DEFAULT_QUALITY = 80
/** Device pixel ratios. */
export const DPRS = [1, 1.5, 2, 3] as const

const NAMED_QUALITIES: Readonly<Record<string, Quality>> = { high: 80, low: 20, lossless: 'lossless' }
/** The width of each frame of a sprite sheet when the URL specifies no side, in pixels. */
const DEFAULT_SPRITE_WIDTH = 160
/** The highest frame rate of a clip or a preview, in frames per second. */
export const MAX_FPS = 30
const MIN_DURATION_MS = 10
const CLIP_FITS: readonly Fit[] = ['inside']

/** The input besides the URL that decides what its parameters mean: format negotiation and presets. */
export interface Negotiation extends PresetRules {
  readonly accept: string | null | undefined
  /** Whether assets without a `format` parameter are negotiated too (`negotiateFormat`). */
  readonly assets: boolean
}

export interface ParsedRendition<T> {
  readonly rendition: T
  readonly download: boolean
  readonly negotiable: boolean
}

export interface AssetDefaults {
  /** The format of the extension. */
  readonly format: ImageFormat
  /**
   * Whether the animation is kept when the URL has no `animated`. `requestedFormat` is the `format` of the URL,
   * if any.
   */
  readonly animated: (requestedFormat: ImageFormat | undefined) => boolean
  /** The formats that this route writes. Any other format becomes WebP. */
  readonly formats: readonly ImageFormat[]
  /** Whether `negotiateFormat` applies when the URL has no `format`. */
  readonly negotiates: boolean
}

/** Reads the parameters of an asset, emoji or sticker. Fails with `bad-request`. */
export function parseAssetParameters(
  query: URLSearchParams,
  defaults: AssetDefaults,
  negotiation: Negotiation,
): ParsedRendition<AssetRendition> | Failure {
  const read = reader(query)
  const size = read('size', parseSize)
  const format = read('format', parseFormat)
  const quality = read('quality', parseQuality)
  const requestedAnimated = read('animated', parseBoolean)
  const dpr = read('dpr', parseDpr) ?? 1
  const blur = read('blur', parseBlur)
  const operations = readOperations(read)
  const download = read('download', parseBoolean) ?? false
  if (read.rejected !== undefined) return badParameter(read.rejected, query)

  const requestedSize = size === undefined ? undefined : scaled(size, dpr)
  const requestedFormat = format === 'auto' ? undefined : format
  const own = requestedFormat ?? defaults.format
  const writable = defaults.formats.includes(own) ? own : 'webp'
  const animated = requestedAnimated ?? defaults.animated(requestedFormat)
  const rule =
    format === 'auto'
      ? 'auto'
      : format === undefined && defaults.negotiates && negotiation.assets
        ? 'avif'
        : 'none'
  const avif = canBeAvif(animated, requestedSize)
  const negotiable = canNegotiate(rule, writable, avif)
  const resolved = negotiate(rule, negotiation.accept, avif) ?? writable
  return {
    rendition: {
      size: requestedSize ?? scaled(DEFAULT_ASSET_SIZE, dpr),
      format: resolved,
      quality: effectiveQuality(resolved, quality ?? DEFAULT_QUALITY),
      animated: animated && resolved !== 'jpeg',
      ...(blur === undefined ? {} : { blur }),
      ...effectiveOperations(operations, resolved),
    },
    download,
    negotiable,
  }
}

/** Reads the parameters of an attachment or of external media. Fails with `bad-request`. */
export function parseTransformation(
  query: URLSearchParams,
  negotiation: Negotiation,
): ParsedRendition<Transformation | undefined> | Failure {
  const read = reader(query)
  const givenWidth = read('width', parseSide)
  const givenHeight = read('height', parseSide)
  const format = read('format', parseTransformedFormat)
  const quality = read('quality', parseQuality)
  const animated = read('animated', parseBoolean) ?? false
  // A clip always shows the whole frame, so it accepts only `fit=inside`.
  const isClip = format !== undefined && isClipFormat(format)
  const fit = read('fit', oneOf(isClip ? CLIP_FITS : FITS)) ?? (isClip ? 'inside' : 'cover')
  const gravity = read('gravity', oneOf(GRAVITIES)) ?? 'centre'
  const dpr = read('dpr', parseDpr) ?? 1
  const blur = read('blur', parseBlur)
  const time = read('time', isClip ? parseTimestamp : parseTime)
  const durationMs = read('duration', parseDuration)
  const fps = read('fps', parseFps)
  const audio = read('audio', parseBoolean) ?? true
  const requestsSprite = read('sprite', parseSprite)
  const operations = readOperations(read)
  const download = read('download', parseBoolean) ?? false
  if (read.rejected !== undefined) return badParameter(read.rejected, query)

  // A clip cannot be a sprite sheet.
  const sprite = isClip ? undefined : requestsSprite
  const isUnsizedSprite = sprite !== undefined && givenWidth === undefined && givenHeight === undefined
  const requestedWidth = givenWidth === undefined ? undefined : scaled(givenWidth, dpr)
  const width = isUnsizedSprite ? DEFAULT_SPRITE_WIDTH : requestedWidth
  const height = givenHeight === undefined ? undefined : scaled(givenHeight, dpr)
  const requestedOtherwise =
    width !== undefined ||
    height !== undefined ||
    format !== undefined ||
    blur !== undefined ||
    time !== undefined ||
    requestsSprite !== undefined ||
    animated ||
    Object.keys(operations).length > 0
  const requested = requestedOtherwise || (quality !== undefined && quality !== 'lossless')
  if (!requested) return { rendition: undefined, download, negotiable: false }

  const largerSide =
    width === undefined && height === undefined ? undefined : Math.max(width ?? 0, height ?? 0)
  const rule = format === 'auto' ? 'auto' : 'none'
  const avif = canBeAvif(animated, largerSide)
  // Sprite sheets are made only from videos, whose stills are WebP.
  const unsaid = sprite === undefined ? 'source' : 'webp'
  const negotiable = canNegotiate(rule, unsaid, avif)
  const own = format === undefined || format === 'auto' ? unsaid : format
  const resolved = negotiate(rule, negotiation.accept, avif) ?? own
  const effective = effectiveQuality(resolved, quality ?? DEFAULT_QUALITY)
  // Neither sprite sheets nor JPEG images are animated.
  const moves = isClip || (animated && sprite === undefined && resolved !== 'jpeg')
  const bothSides = width !== undefined && height !== undefined
  return {
    rendition: {
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      // The frames of a sprite sheet are never cropped or padded.
      fit: sprite === undefined && (bothSides || isClip) ? fit : 'cover',
      gravity: sprite === undefined && bothSides ? effectiveGravity(fit, gravity) : 'centre',
      format: resolved,
      quality: effective,
      isQualityRequested: effective !== DEFAULT_QUALITY || (quality !== undefined && !requestedOtherwise),
      animated: moves,
      ...(blur === undefined ? {} : { blur }),
      ...(time === undefined || sprite !== undefined ? {} : { time }),
      ...(durationMs === undefined || !moves ? {} : { durationMs }),
      ...(fps === undefined || !moves ? {} : { fps }),
      ...(isClip && !audio ? { silent: true } : {}),
      ...(sprite === undefined ? {} : { sprite }),
      ...(isClipFormat(resolved) || sprite !== undefined ? {} : effectiveOperations(operations, resolved)),
    },
    download,
    negotiable,
  }
}

/** Returns the quality that has an effect. PNG is only lossless or not, and GIF has no quality. */
function effectiveQuality(format: RenditionFormat | 'source', quality: Quality): Quality {
  if (format === 'gif') return DEFAULT_QUALITY
  if (format === 'png' && quality !== 'lossless') return DEFAULT_QUALITY
  return quality
}

/** Returns the gravity that has an effect: none with `inside`, and no point of interest with padding. */
function effectiveGravity(fit: Fit, gravity: Gravity): Gravity {
  const interest = gravity === 'attention' || gravity === 'entropy' || gravity === 'face'
  return fit === 'inside' || (fit === 'contain' && interest) ? 'centre' : gravity
}

/** `auto` chooses AVIF, then WebP. `avif`, the rule of assets without a `format`, chooses AVIF only. */
type NegotiationRule = 'auto' | 'avif' | 'none'

/** Chooses the format by `Accept`. `avif` states whether AVIF is allowed. Undefined for no change. */
function negotiate(
  rule: NegotiationRule,
  accept: string | null | undefined,
  avif: boolean,
): ImageFormat | undefined {
  if (rule === 'none') return undefined
  if (avif && acceptsType(accept, 'image/avif')) return 'avif'
  return rule === 'auto' && acceptsType(accept, 'image/webp') ? 'webp' : undefined
}

/** Whether two `Accept` headers can lead to different formats. Every response of the URL then has `Vary`. */
function canNegotiate(rule: NegotiationRule, own: ImageFormat | 'source', avif: boolean): boolean {
  if (rule === 'none') return false
  return (avif && own !== 'avif') || (rule === 'auto' && own !== 'webp')
}

function canBeAvif(animated: boolean, requestedSidePixels: number | undefined): boolean {
  return !animated && (requestedSidePixels === undefined || requestedSidePixels >= AVIF_MIN_SIDE_PIXELS)
}

function scaled(pixels: number, dpr: number): number {
  return Math.min(MAX_SIDE_PIXELS, Math.round(pixels * dpr))
}

interface Reader {
  <T>(name: string, parse: ValueParser<T>): T | undefined
  /** The first parameter with a rejected value. */
  rejected: string | undefined
}

/** Returns a function that reads parameters by name and remembers the first one whose value was rejected. */
function reader(query: URLSearchParams): Reader {
  const read: Reader = <T>(name: string, parse: ValueParser<T>) => {
    const value = query.get(name)
    if (value === null) return undefined
    const parsed = parse(value)
    if (parsed === undefined) read.rejected ??= name
    return parsed
  }
  read.rejected = undefined
  return read
}

function badParameter(name: string, query: URLSearchParams): Failure {
  const found = query.get(name) ?? ''
  const clash = clashOf(name, found)
  const hint = clash === undefined ? { parameter: name, found } : { text: clash }
  return { ...fail('bad-request', `bad value of the parameter ${name}`), hint }
}

/**
 * Explains a rejected value that the parameter accepts in other requests. Undefined when it never accepts it.
 */
function clashOf(name: string, found: string): string | undefined {
  if (name === 'fit' && oneOf(FITS)(found) !== undefined) return 'a clip supports only fit=inside'
  if (name === 'time' && parseTime(found) !== undefined) return 'a clip begins at seconds or at a percentage'
  if (name === 'format' && isClipFormat(found))
    return `format=${found} is supported only for attachments and external media`
  return undefined
}

/** Rounds a number up to the next listed size, because clients compute sizes. */
function parseSize(value: string): number | undefined {
  if (!/^\d+(\.\d+)?$/.test(value)) return undefined
  return ASSET_SIZES.find((size) => size >= Number(value)) ?? MAX_SIDE_PIXELS
}

function parseSide(value: string): number | undefined {
  return parseInteger(value, 1, MAX_SIDE_PIXELS)
}

function parseTransformedFormat(value: string): RenditionFormat | 'auto' | undefined {
  return isClipFormat(value) ? value : parseFormat(value)
}

function parseFormat(value: string): ImageFormat | 'auto' | undefined {
  return value === 'auto' ? 'auto' : parseImageFormat(value)
}

function parseQuality(value: string): Quality | undefined {
  return Object.hasOwn(NAMED_QUALITIES, value) ? NAMED_QUALITIES[value] : parseInteger(value, 1, 100)
}

function parseDpr(value: string): number | undefined {
  return DPRS.find((dpr) => String(dpr) === value)
}

function parseBlur(value: string): number | undefined {
  return parseInteger(value, 1, 100)
}

function parseTime(value: string): MediaTime | undefined {
  return value === 'best' ? value : parseTimestamp(value)
}

/** Parses the start of a clip, which cannot be `best`. */
function parseTimestamp(value: string): Exclude<MediaTime, 'best'> | undefined {
  if (value.endsWith('%')) {
    const percent = parseInteger(value.slice(0, -1), 0, 100)
    return percent === undefined ? undefined : { percent }
  }
  if (!/^\d{1,7}(\.\d{1,9})?$/.test(value)) return undefined
  return { milliseconds: Math.round(Number(value) * 1000) }
}

/** Parses a duration of at least 0.01 seconds into whole milliseconds. */
function parseDuration(value: string): number | undefined {
  const time = parseTimestamp(value)
  if (time === undefined || 'percent' in time) return undefined
  return time.milliseconds >= MIN_DURATION_MS ? time.milliseconds : undefined
}

function parseSprite(value: string): Sprite | undefined {
  const [, columns, rows] = /^([1-9]|10)x([1-9]|10)$/.exec(value) ?? []
  return columns === undefined || rows === undefined
    ? undefined
    : { columns: Number(columns), rows: Number(rows) }
}

function parseFps(value: string): number | undefined {
  return parseInteger(value, 1, MAX_FPS)
}
