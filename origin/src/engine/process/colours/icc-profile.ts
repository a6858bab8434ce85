/**
 * Builds colour profiles (ICC.1:2022) for images that declare their colours without one. A profile contains
 * three primaries and a curve, or only a curve for grey, which is all that a conversion to sRGB needs. Also
 * reads the code points of profiles.
 */

import { type Colours, coloursOf } from './colours.ts'
import { spaceOfProfile } from './icc-header.ts'

/** Chromaticities, as CIE 1931 x and y. */
export interface Primaries {
  readonly white: Point
  readonly red: Point
  readonly green: Point
  readonly blue: Point
}

export type Point = readonly [x: number, y: number]

/**
 * The transfer function from a coded value to light: an exponent, or the parameters of ICC's function type 3
 * (section 10.18).
 */
export type Curve = number | readonly [g: number, a: number, b: number, c: number, d: number]

export const D65: Point = [0.3127, 0.329]

/** The primaries of ITU-R BT.709 and sRGB. */
export const BT709: Primaries = { white: D65, red: [0.64, 0.33], green: [0.3, 0.6], blue: [0.15, 0.06] }

/** The transfer function of sRGB (IEC 61966-2-1). */
export const SRGB_CURVE: Curve = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.040_45]

/** Builds a profile for RGB. */
export function rgbProfile(primaries: Primaries, curve: Curve): Buffer {
  return rgbProfileOf(primaries, encodeCurve(curve))
}

function rgbProfileOf(primaries: Primaries, coded: Buffer): Buffer {
  const [red, green, blue] = colorants(primaries)
  return encodeProfile('RGB ', [
    ...[xyzTag('rXYZ', red), xyzTag('gXYZ', green), xyzTag('bXYZ', blue)],
    ...(['rTRC', 'gTRC', 'bTRC'] as const).map((name) => [name, coded] as const),
  ])
}

/** Builds a profile for grey. */
export function greyProfile(curve: Curve): Buffer {
  return encodeProfile('GRAY', [['kTRC', encodeCurve(curve)]])
}

/**
 * Builds an RGB profile in which grey looks as in the given grey profile. Undefined when that has no curve.
 */
export function rgbProfileOfGrey(grey: Buffer): Buffer | undefined {
  const curve = tagOf(grey, 'kTRC')
  return curve && rgbProfileOf(BT709, curve)
}

/** The type of a tag, and four reserved bytes. */
const TYPE_BYTES = 8
const POINTS_BYTES = 4

/**
 * Returns the code points of an RGB profile (cicpTag, ICC.1:2022, section 9.2.17), which browsers use instead
 * of its curves and tables. Undefined when it has none for full-range RGB.
 */
export function codePointsOfProfile(icc: Buffer): Colours | undefined {
  const points = spaceOfProfile(icc) === 'RGB ' ? tagOf(icc, 'cicp')?.subarray(TYPE_BYTES) : undefined
  if (points === undefined || points.length < POINTS_BYTES) return undefined
  const [colorPrimaries = 0, colorTrc = 0, colorSpace, range] = points
  if (colorSpace !== 0 || range !== 1) return undefined
  return coloursOf({ colorPrimaries, colorTrc, colorSpace, colorRange: 2 })
}

function tagOf(icc: Buffer, signature: string): Buffer | undefined {
  if (icc.length < HEADER_BYTES + 4) return undefined
  const tags = Math.min(icc.readUInt32BE(HEADER_BYTES), MAX_TAGS)
  for (
    let tag = 0, at = HEADER_BYTES + 4;
    tag < tags && at + TAG_BYTES <= icc.length;
    tag += 1, at += TAG_BYTES
  ) {
    const [start, bytes] = [icc.readUInt32BE(at + 4), icc.readUInt32BE(at + 8)]
    const isWanted = icc.toString('latin1', at, at + 4) === signature
    if (isWanted) return start + bytes <= icc.length ? icc.subarray(start, start + bytes) : undefined
  }
  return undefined
}

const MAX_TAGS = 100

type Vector = readonly [number, number, number]
type Matrix = readonly [Vector, Vector, Vector]
type Tag = readonly [name: string, data: Buffer]

/** The white point of ICC profiles, D50. */
const D50: Vector = [0.9642, 1, 0.8249]
/** The Bradford matrix from XYZ to cone responses (annex E). */
const BRADFORD: Matrix = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
]

/** Returns the XYZ of each primary such that they add up to white, adapted to D50. */
function colorants({ white, red, green, blue }: Primaries): readonly [Vector, Vector, Vector] {
  const columns = transpose([xyzOf(red), xyzOf(green), xyzOf(blue)])
  const whiteXyz = xyzOf(white)
  const weights = apply(invert(columns), whiteXyz)
  const [from, to] = [apply(BRADFORD, whiteXyz), apply(BRADFORD, D50)]
  const adapt = (xyz: Vector): Vector => {
    const cones = apply(BRADFORD, xyz)
    return apply(invert(BRADFORD), [
      (cones[0] * to[0]) / from[0],
      (cones[1] * to[1]) / from[1],
      (cones[2] * to[2]) / from[2],
    ])
  }
  const scaled = (point: Point, weight: number): Vector => {
    const [x, y, z] = xyzOf(point)
    return adapt([x * weight, y * weight, z * weight])
  }
  return [scaled(red, weights[0]), scaled(green, weights[1]), scaled(blue, weights[2])]
}

function xyzOf([x, y]: Point): Vector {
  return [x / y, 1, (1 - x - y) / y]
}

function apply([a, b, c]: Matrix, v: Vector): Vector {
  const dot = (row: Vector) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]
  return [dot(a), dot(b), dot(c)]
}

function transpose([a, b, c]: Matrix): Matrix {
  return [
    [a[0], b[0], c[0]],
    [a[1], b[1], c[1]],
    [a[2], b[2], c[2]],
  ]
}

function invert([a, b, c]: Matrix): Matrix {
  const cross = (u: Vector, v: Vector): Vector => [
    u[1] * v[2] - u[2] * v[1],
    u[2] * v[0] - u[0] * v[2],
    u[0] * v[1] - u[1] * v[0],
  ]
  const [bc, ca, ab] = [cross(b, c), cross(c, a), cross(a, b)]
  const determinant = a[0] * bc[0] + a[1] * bc[1] + a[2] * bc[2]
  const over = ([x, y, z]: Vector): Vector => [x / determinant, y / determinant, z / determinant]
  return transpose([over(bc), over(ca), over(ab)])
}

function xyzTag(name: string, xyz: Vector): Tag {
  return [name, Buffer.concat([Buffer.from('XYZ \0\0\0\0', 'latin1'), ...xyz.map(fixed)])]
}

function encodeCurve(curve: Curve): Buffer {
  const head = Buffer.alloc(12)
  head.write('para', 'latin1')
  const isExponent = typeof curve === 'number'
  head.writeUInt16BE(isExponent ? 0 : 3, 8)
  return Buffer.concat([head, ...(isExponent ? [curve] : curve).map(fixed)])
}

/** Encodes an s15Fixed16Number. */
function fixed(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(Math.max(-0x8000_0000, Math.min(0x7fff_ffff, Math.round(value * 65_536))))
  return bytes
}

const HEADER_BYTES = 128
const TAG_BYTES = 12
const VERSION = 0x04_30_00_00

function encodeProfile(space: 'RGB ' | 'GRAY', colours: readonly Tag[]): Buffer {
  const tags: readonly Tag[] = [
    ['desc', text('made')],
    ['cprt', text('none')],
    xyzTag('wtpt', D50),
    ...colours.map(([name, data]): Tag => [name, aligned(data)]),
  ]
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(VERSION, 8)
  header.write(`mntr${space}XYZ `, 12, 'latin1')
  header.write('acsp', 36, 'latin1')
  Buffer.concat(D50.map(fixed)).copy(header, 68)
  const table = Buffer.alloc(4 + tags.length * TAG_BYTES)
  table.writeUInt32BE(tags.length)
  let at = header.length + table.length
  for (const [index, [name, data]] of tags.entries()) {
    const entry = 4 + index * TAG_BYTES
    table.write(name, entry, 'latin1')
    table.writeUInt32BE(at, entry + 4)
    table.writeUInt32BE(data.length, entry + 8)
    at += data.length
  }
  header.writeUInt32BE(at)
  return Buffer.concat([header, table, ...tags.map(([, data]) => data)])
}

/** Pads the data of a tag: tags start at multiples of four bytes (section 7.3.4). */
function aligned(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc(-data.length & 3)])
}

/** Encodes a multiLocalizedUnicodeType with one text of four characters. */
function text(four: string): Buffer {
  const head = Buffer.alloc(28)
  head.write('mluc', 'latin1')
  for (const [at, value] of [1, 12].entries()) head.writeUInt32BE(value, 8 + at * 4)
  head.write('enUS', 16, 'latin1')
  for (const [at, value] of [four.length * 2, 28].entries()) head.writeUInt32BE(value, 20 + at * 4)
  return Buffer.concat([head, Buffer.from(four, 'utf16le').swap16()])
}
