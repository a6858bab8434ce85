/**
 * The image operations other than scaling (contract, section 2). All spellings that give the same image have
 * one canonical form. The order of application is: orient upright, crop, trim, rotate, flip, scale, pad,
 * blur, sharpen, background, encode.
 */

import type { ImageFormat } from '../formats.ts'
import { oneOf, parseBoolean, parseInteger, type ValueParser } from './parameter-values.ts'

export interface ImageOperations {
  /** The area of the upright source that is used. */
  readonly crop?: Crop
  /** Borders of one colour are removed after the crop. */
  readonly trim?: true
  /** Degrees clockwise. With a `flip` only 90: the other combinations have an equivalent canonical form. */
  readonly rotate?: Rotation
  /** Mirrors the rotated image: `h` swaps left and right, `v` top and bottom. */
  readonly flip?: Flip
  /** The border around the scaled image; at least one side is not 0. */
  readonly pad?: Pad
  /** The colour behind transparent pixels, as six lower-case hexadecimal digits. */
  readonly background?: string
  /** Strength, 1..10. */
  readonly sharpen?: number
  /** The largest rendition, in bytes. Lowers the quality, and is dropped for formats without one. */
  readonly maxBytes?: number
}

export type Rotation = 90 | 180 | 270

export type Flip = 'h' | 'v'

/** An area in pixels of the upright source, or in ten-thousandths of its sides. The sides are at least 1. */
export interface Crop {
  readonly unit: 'pixel' | 'ten-thousandth'
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A border in pixels of the rendition; each side is 0..`MAX_PAD_PIXELS`. */
export interface Pad {
  readonly top: number
  readonly right: number
  readonly bottom: number
  readonly left: number
}

export const ROTATIONS: readonly Rotation[] = [90, 180, 270]
export const FLIPS: readonly Flip[] = ['h', 'v']
/** The largest values of `pad`, for each side, and of `sharpen`. */
export const MAX_PAD_PIXELS = 1000
export const MAX_SHARPEN = 10
/** The range of `maxbytes`. A rendition below it would be useless, and none is larger. */
export const MIN_MAX_BYTES = 256
export const MAX_MAX_BYTES = 99_999_999

/** Reads one parameter of a query with a parser for its value. */
type Read = <T>(name: string, parse: ValueParser<T>) => T | undefined

/** Reads all operations and returns them in canonical form. */
export function readOperations(read: Read): ImageOperations {
  const crop = read('crop', parseCrop)
  const trim = read('trim', parseBoolean)
  const rotate = read('rotate', parseRotation)
  const flip = read('flip', oneOf(FLIPS))
  const pad = read('pad', parsePad)
  const background = read('background', parseColour)
  const sharpen = read('sharpen', (value) => parseInteger(value, 1, MAX_SHARPEN))
  const maxBytes = read('maxbytes', (value) => parseInteger(value, MIN_MAX_BYTES, MAX_MAX_BYTES))
  return {
    ...(crop === undefined || isWhole(crop) ? {} : { crop }),
    ...(trim ? { trim } : {}),
    ...canonicalRotation(rotate, flip),
    ...(pad === undefined || Object.values(pad).every((side) => side === 0) ? {} : { pad }),
    ...(background === undefined ? {} : { background }),
    ...(sharpen === undefined ? {} : { sharpen }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  }
}

/**
 * Returns the operations that have an effect on a format. The background of JPEG is white by default, and PNG
 * and GIF have no quality to lower.
 */
export function effectiveOperations(
  { background, maxBytes, ...operations }: ImageOperations,
  format: ImageFormat | 'source',
): ImageOperations {
  const isDefault = format === 'jpeg' && background === 'ffffff'
  return {
    ...operations,
    ...(background === undefined || isDefault ? {} : { background }),
    ...(maxBytes !== undefined && hasQuality(format) ? { maxBytes } : {}),
  }
}

/**
 * Whether a format has a quality that can be lowered. The unknown format of a source counts as one that has.
 */
export function hasQuality(format: ImageFormat | 'source'): boolean {
  return format !== 'png' && format !== 'gif'
}

/** Serializes operations in a fixed order. `readOperations` reads them back to the same value. */
export function operationParameters({
  background,
  crop,
  flip,
  maxBytes,
  pad,
  rotate,
  sharpen,
  trim,
}: ImageOperations): string[] {
  const parameters: readonly (readonly [string, string | number | undefined])[] = [
    ['background', background],
    ['crop', crop && serializeCrop(crop)],
    ['flip', flip],
    ['maxbytes', maxBytes],
    ['pad', pad && serializePad(pad)],
    ['rotate', rotate],
    ['sharpen', sharpen],
    ['trim', trim && 'true'],
  ]
  return parameters.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
}

/**
 * Returns the canonical form of a rotation and a flip. Rotating and mirroring an image gives eight different
 * results, for which there are twelve spellings.
 */
function canonicalRotation(rotate: Rotation | undefined, flip: Flip | undefined): ImageOperations {
  if (flip === undefined) return rotate === undefined ? {} : { rotate }
  const other = flip === 'h' ? 'v' : 'h'
  switch (rotate) {
    case undefined:
      return { flip }
    case 90:
      return { rotate, flip }
    case 180:
      return { flip: other }
    case 270:
      return { rotate: 90, flip: other }
  }
}

function parseRotation(value: string): Rotation | undefined {
  return ROTATIONS.find((angle) => String(angle) === value)
}

const TEN_THOUSAND = 10_000

/** Parses `x,y,w,h`: pixels, or, when any number has a decimal point, fractions with up to four digits. */
function parseCrop(value: string): Crop | undefined {
  const [x = '', y = '', width = '', height = '', ...rest] = value.split(',')
  if (rest.length > 0) return undefined
  const texts = [x, y, width, height] as const
  return texts.some((text) => text.includes('.'))
    ? cropOf('ten-thousandth', texts.map(parseFraction))
    : cropOf(
        'pixel',
        texts.map((text) => parseInteger(text, 0, 99_999)),
      )
}

function cropOf(unit: Crop['unit'], numbers: readonly (number | undefined)[]): Crop | undefined {
  const [x, y, width, height] = numbers
  if (x === undefined || y === undefined || !width || !height) return undefined
  if (unit === 'pixel') return { unit, x, y, width, height }
  if (x >= TEN_THOUSAND || y >= TEN_THOUSAND) return undefined
  // The part that extends beyond the image is dropped.
  return {
    unit,
    x,
    y,
    width: Math.min(width, TEN_THOUSAND - x),
    height: Math.min(height, TEN_THOUSAND - y),
  }
}

function isWhole({ unit, width, height }: Crop): boolean {
  return unit === 'ten-thousandth' && width === TEN_THOUSAND && height === TEN_THOUSAND
}

function serializeCrop({ unit, x, y, width, height }: Crop): string {
  const numbers = [x, y, width, height]
  if (unit === 'pixel') return numbers.join(',')
  // At least one number has a decimal point: with four whole numbers the crop would be the whole image, which
  // is dropped. One point is enough for the parser to read all four as fractions.
  return numbers.map((number) => number / TEN_THOUSAND).join(',')
}

/** Parses one to four sides as in CSS: all; vertical, horizontal; top, horizontal, bottom; or clockwise. */
function parsePad(value: string): Pad | undefined {
  const sides = value.split(',').map((side) => parseInteger(side, 0, MAX_PAD_PIXELS))
  const [top, right = top, bottom = top, left = right] = sides
  if (sides.length > 4 || sides.includes(undefined)) return undefined
  return top === undefined || right === undefined || bottom === undefined || left === undefined
    ? undefined
    : { top, right, bottom, left }
}

function serializePad({ top, right, bottom, left }: Pad): string {
  if (left !== right) return [top, right, bottom, left].join(',')
  if (bottom !== top) return [top, right, bottom].join(',')
  return right === top ? String(top) : [top, right].join(',')
}

function parseColour(value: string): string | undefined {
  return /^[0-9a-f]{6}$/i.test(value) ? value.toLowerCase() : undefined
}

function parseFraction(value: string): number | undefined {
  return /^(0(\.\d{1,4})?|1(\.0{1,4})?)$/.test(value) ? Math.round(Number(value) * TEN_THOUSAND) : undefined
}
