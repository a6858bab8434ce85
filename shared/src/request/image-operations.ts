/**
 * What can be done to a picture besides scaling it (contract, section 2): one canonical spelling for all that give the
 * same picture. They are applied in the order: upright, crop, trim, rotate, flip, scale, pad, blur, sharpen, background,
 * encode.
 */

import type { ImageFormat } from '../formats.ts'
import { oneOf, parseBoolean, parseInteger, type ValueParser } from './parameter-values.ts'

export interface ImageOperations {
  /** The part of the upright source that is used. */
  readonly crop?: Crop
  /** Borders of one colour are cut off what is left. */
  readonly trim?: true
  /** Clockwise degrees; with a `flip` only 90, since the others are a flip across the other axis. */
  readonly rotate?: Rotation
  /** Mirrors what was turned: `h` swaps left and right, `v` top and bottom. */
  readonly flip?: Flip
  /** Added around the scaled picture; at least one side is not 0. */
  readonly pad?: Pad
  /** Six lower-case hexadecimal digits: what is transparent lies on this colour. */
  readonly background?: string
  /** Strength, 1..10. */
  readonly sharpen?: number
  /** The quality is lowered until the rendition has no more bytes. Of formats without a quality it is dropped. */
  readonly maxBytes?: number
}

export type Rotation = 90 | 180 | 270

export type Flip = 'h' | 'v'

/** In pixels of the upright source, or in ten-thousandths of its sides. Width and height are at least 1. */
export interface Crop {
  readonly unit: 'pixel' | 'ten-thousandth'
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Pixels of the rendition, each 0..`MAX_PAD_PIXELS`. */
export interface Pad {
  readonly top: number
  readonly right: number
  readonly bottom: number
  readonly left: number
}

export const ROTATIONS: readonly Rotation[] = [90, 180, 270]
export const FLIPS: readonly Flip[] = ['h', 'v']
export const MAX_PAD_PIXELS = 1000
export const MAX_SHARPEN = 10
/** No rendition of less is of use to anybody, and none is larger than the greatest. */
export const MIN_MAX_BYTES = 256
export const MAX_MAX_BYTES = 99_999_999

/** Reads one parameter of a query by the parser of its values. */
type Read = <T>(name: string, parse: ValueParser<T>) => T | undefined

/** Reads all operations, in their canonical form. */
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
    ...canonicalTurn(rotate, flip),
    ...(pad === undefined || Object.values(pad).every((side) => side === 0) ? {} : { pad }),
    ...(background === undefined ? {} : { background }),
    ...(sharpen === undefined ? {} : { sharpen }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  }
}

/** The operations that make a difference to a format. JPEG lies on white anyway, and PNG and GIF have no quality to lower. */
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

/** Tells whether a format, or the unknown one of a source, has a quality that can be lowered. */
export function hasQuality(format: ImageFormat | 'source'): boolean {
  return format !== 'png' && format !== 'gif'
}

/** The parameters of a query, in a fixed order; those of `readOperations` for what it gave. */
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

/** Eight pictures can be had of one by turning and mirroring it, and twelve spellings of them. */
function canonicalTurn(rotate: Rotation | undefined, flip: Flip | undefined): ImageOperations {
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

/** `x,y,w,h`: whole numbers are pixels; with a point in any of them all are fractions of up to four digits. */
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
  // What stands over is no part of the picture.
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
  // One point is enough, and there is none that is not needed: not all four can be whole, or nothing would be cut.
  return numbers.map((number) => number / TEN_THOUSAND).join(',')
}

/** As in CSS: all sides; top and bottom, left and right; top, left and right, bottom; or each, clockwise from the top. */
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
