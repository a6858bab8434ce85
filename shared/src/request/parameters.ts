/**
 * The query parameters: names, values, defaults, and which of them have an effect (contract, section 2).
 * An unknown parameter is ignored; of a repeated one the first counts; a bad value of a known one is refused.
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
import type { PresetRules } from './presets.ts'

/** The sizes an asset can be asked for, in pixels. */
export const ASSET_SIZES = [
  16, 20, 22, 24, 28, 32, 40, 44, 48, 56, 60, 64, 80, 96, 100, 128, 160, 240, 256, 300, 320, 480, 512, 600,
  640, 1024, 1280, 1536, 2048, 3072, 4096, 8192, 16384,
] as const

export const DEFAULT_ASSET_SIZE = 128
/** No source has a longer side, so no rendition can. In pixels. */
export const MAX_SIDE_PIXELS = 16384
export const DEFAULT_QUALITY = 80
/** Device pixel ratios. */
export const DPRS = [1, 1.5, 2, 3] as const

const NAMED_QUALITIES: Readonly<Record<string, Quality>> = { high: 80, low: 20, lossless: 'lossless' }
/** Pixels of each frame of a sheet, where no side is asked for. */
const DEFAULT_SPRITE_WIDTH = 160
/** Pictures a second of a clip or a preview. */
export const MAX_FPS = 30
const LEAST_DURATION_MS = 10
const CLIP_FITS: readonly Fit[] = ['inside']

/** What a URL's parameters mean besides themselves: the choice of a format, and presets. */
export interface Negotiation extends PresetRules {
  readonly accept: string | null | undefined
  /** Whether assets that name no format negotiate too (`negotiateFormat`). */
  readonly assets: boolean
}

export interface ParsedRendition<T> {
  readonly rendition: T
  readonly download: boolean
  readonly negotiable: boolean
}

export interface AssetDefaults {
  /** What the extension asks for. */
  readonly format: ImageFormat
  /** Whether the animation is kept where the URL does not say; `asked` is the format that the URL names, if any. */
  readonly animated: (asked: ImageFormat | undefined) => boolean
  /** The formats this route writes; anything else becomes WebP. */
  readonly formats: readonly ImageFormat[]
  /** Whether `negotiateFormat` applies where the URL gives no format. */
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
  const saidAnimated = read('animated', parseBoolean)
  const dpr = read('dpr', parseDpr) ?? 1
  const blur = read('blur', parseBlur)
  const operations = readOperations(read)
  const download = read('download', parseBoolean) ?? false
  if (read.rejected !== undefined) return badParameter(read.rejected, query)

  const wantedSize = size === undefined ? undefined : scaled(size, dpr)
  const asked = format === 'auto' ? undefined : format
  const own = asked ?? defaults.format
  const writable = defaults.formats.includes(own) ? own : 'webp'
  const animated = saidAnimated ?? defaults.animated(asked)
  const rule =
    format === 'auto'
      ? 'auto'
      : format === undefined && defaults.negotiates && negotiation.assets
        ? 'avif'
        : 'none'
  const avif = canBeAvif(animated, wantedSize)
  const negotiable = canNegotiate(rule, writable, avif)
  const resolved = negotiate(rule, negotiation.accept, avif) ?? writable
  return {
    rendition: {
      size: wantedSize ?? scaled(DEFAULT_ASSET_SIZE, dpr),
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
  // Only a whole picture becomes a clip.
  const isClip = format !== undefined && isClipFormat(format)
  const fit = read('fit', oneOf(isClip ? CLIP_FITS : FITS)) ?? (isClip ? 'inside' : 'cover')
  const gravity = read('gravity', oneOf(GRAVITIES)) ?? 'centre'
  const dpr = read('dpr', parseDpr) ?? 1
  const blur = read('blur', parseBlur)
  const time = read('time', isClip ? parseMoment : parseTime)
  const durationMs = read('duration', parseDuration)
  const fps = read('fps', parseFps)
  const audio = read('audio', parseBoolean) ?? true
  const asksSprite = read('sprite', parseSprite)
  const operations = readOperations(read)
  const download = read('download', parseBoolean) ?? false
  if (read.rejected !== undefined) return badParameter(read.rejected, query)

  // A clip is no sheet.
  const sprite = isClip ? undefined : asksSprite
  const isBareSheet = sprite !== undefined && givenWidth === undefined && givenHeight === undefined
  const askedWidth = givenWidth === undefined ? undefined : scaled(givenWidth, dpr)
  const width = isBareSheet ? DEFAULT_SPRITE_WIDTH : askedWidth
  const height = givenHeight === undefined ? undefined : scaled(givenHeight, dpr)
  const requestedOtherwise =
    width !== undefined ||
    height !== undefined ||
    format !== undefined ||
    blur !== undefined ||
    time !== undefined ||
    asksSprite !== undefined ||
    animated ||
    Object.keys(operations).length > 0
  const requested = requestedOtherwise || (quality !== undefined && quality !== 'lossless')
  if (!requested) return { rendition: undefined, download, negotiable: false }

  const largerSide =
    width === undefined && height === undefined ? undefined : Math.max(width ?? 0, height ?? 0)
  const rule = format === 'auto' ? 'auto' : 'none'
  const avif = canBeAvif(animated, largerSide)
  // Sheets are made of videos alone, whose stills are WebP.
  const unsaid = sprite === undefined ? 'source' : 'webp'
  const negotiable = canNegotiate(rule, unsaid, avif)
  const own = format === undefined || format === 'auto' ? unsaid : format
  const resolved = negotiate(rule, negotiation.accept, avif) ?? own
  const effective = effectiveQuality(resolved, quality ?? DEFAULT_QUALITY)
  // Neither a sheet moves nor a JPEG.
  const moves = isClip || (animated && sprite === undefined && resolved !== 'jpeg')
  const bothSides = width !== undefined && height !== undefined
  return {
    rendition: {
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      // The frames of a sheet are whole, and its own.
      fit: sprite === undefined && (bothSides || isClip) ? fit : 'cover',
      gravity: sprite === undefined && bothSides ? effectiveGravity(fit, gravity) : 'centre',
      format: resolved,
      quality: effective,
      qualityAsked: effective !== DEFAULT_QUALITY || (quality !== undefined && !requestedOtherwise),
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

/** The quality that makes a difference: PNG knows exact or not, GIF has none. */
function effectiveQuality(format: RenditionFormat | 'source', quality: Quality): Quality {
  if (format === 'gif') return DEFAULT_QUALITY
  if (format === 'png' && quality !== 'lossless') return DEFAULT_QUALITY
  return quality
}

/** Cropping has a point of interest, padding only a side, and `inside` neither. */
function effectiveGravity(fit: Fit, gravity: Gravity): Gravity {
  const interest = gravity === 'attention' || gravity === 'entropy' || gravity === 'face'
  return fit === 'inside' || (fit === 'contain' && interest) ? 'centre' : gravity
}

/** `auto` chooses AVIF, then WebP; `avif` only that, which is what assets do by themselves. */
type NegotiationRule = 'auto' | 'avif' | 'none'

/** What `Accept` makes of the format; undefined leaves the own one. `avif`: whether an AVIF may be answered. */
function negotiate(
  rule: NegotiationRule,
  accept: string | null | undefined,
  avif: boolean,
): ImageFormat | undefined {
  if (rule === 'none') return undefined
  if (avif && acceptsType(accept, 'image/avif')) return 'avif'
  return rule === 'auto' && acceptsType(accept, 'image/webp') ? 'webp' : undefined
}

/** Whether two `Accept` headers can get two formats; then every answer of the URL varies. */
function canNegotiate(rule: NegotiationRule, own: ImageFormat | 'source', avif: boolean): boolean {
  if (rule === 'none') return false
  return (avif && own !== 'avif') || (rule === 'auto' && own !== 'webp')
}

function canBeAvif(animated: boolean, wantedSidePixels: number | undefined): boolean {
  return !animated && (wantedSidePixels === undefined || wantedSidePixels >= AVIF_MIN_SIDE_PIXELS)
}

function scaled(pixels: number, dpr: number): number {
  return Math.min(MAX_SIDE_PIXELS, Math.round(pixels * dpr))
}

interface Reader {
  <T>(name: string, parse: ValueParser<T>): T | undefined
  /** The first parameter whose value was refused. */
  rejected: string | undefined
}

/** Reads one parameter after the other and remembers the first that was refused. */
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

/** Why a value that the parameter takes elsewhere was refused; undefined where it takes no such value at all. */
function clashOf(name: string, found: string): string | undefined {
  if (name === 'fit' && oneOf(FITS)(found) !== undefined) return 'a clip takes fit=inside alone'
  if (name === 'time' && parseTime(found) !== undefined) return 'a clip begins at seconds or at a percentage'
  if (name === 'format' && isClipFormat(found)) return `format=${found} is of attachments and external media`
  return undefined
}

/** The listed size that a number asks for: clients compute theirs, and no picture is worth a refusal. */
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
  return value === 'best' ? value : parseMoment(value)
}

/** Where a clip begins is no matter of taste. */
function parseMoment(value: string): Exclude<MediaTime, 'best'> | undefined {
  if (value.endsWith('%')) {
    const percent = parseInteger(value.slice(0, -1), 0, 100)
    return percent === undefined ? undefined : { percent }
  }
  if (!/^\d{1,7}(\.\d{1,9})?$/.test(value)) return undefined
  return { milliseconds: Math.round(Number(value) * 1000) }
}

/** Seconds, at least a hundredth, in whole milliseconds. */
function parseDuration(value: string): number | undefined {
  const time = parseMoment(value)
  if (time === undefined || 'percent' in time) return undefined
  return time.milliseconds >= LEAST_DURATION_MS ? time.milliseconds : undefined
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
