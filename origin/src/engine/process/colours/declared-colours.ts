/**
 * Colours that are declared by code points (ITU-T H.273) instead of a profile, and their conversion to sRGB.
 */

import type { Colours } from './colours.ts'
import { BT709, type Curve, D65, type Point, type Primaries, rgbProfile, SRGB_CURVE } from './icc-profile.ts'

/** `srgb` needs no conversion, `hdr` needs tone mapping, and other colours are converted by a profile. */
export type DeclaredColours = 'srgb' | 'hdr' | { readonly icc: Buffer }

/**
 * Resolves code points; unspecified and unknown ones mean sRGB. Browsers treat the television transfer
 * function as that of sRGB in images that are coded like video, but as that of a television (BT.1886) in a
 * PNG.
 */
export function declaredColours(
  { primaries, transfer }: Pick<Colours, 'primaries' | 'transfer'>,
  television: 'as sRGB' | 'as on television',
): DeclaredColours {
  if (transfer === 'pq' || transfer === 'hlg') return 'hdr'
  const gamut = PRIMARIES.get(primaries ?? '')
  const curve = curveOf(transfer, television)
  if (gamut === undefined && curve === undefined) return 'srgb'
  return { icc: rgbProfile(gamut ?? BT709, curve ?? SRGB_CURVE) }
}

/** Returns the transfer function. Undefined when it is that of sRGB. */
export function curveOf(
  transfer: string | undefined,
  television: 'as sRGB' | 'as on television',
): Curve | undefined {
  const isTelevision = television === 'as on television' && TELEVISION.has(transfer ?? '')
  return isTelevision ? TELEVISION_CURVE : CURVES.get(transfer ?? '')
}

const TELEVISION: ReadonlySet<string> = new Set(['bt709', 'smpte170m', 'bt2020'])
/** ITU-R BT.1886. */
const TELEVISION_CURVE: Curve = 2.4

const ILLUMINANT_C: Point = [0.31, 0.316]

const SMPTE_C: Primaries = { white: D65, red: [0.63, 0.34], green: [0.31, 0.595], blue: [0.155, 0.07] }
const P3 = { red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06] } as const

/** All primaries except those of BT.709, which are also those of sRGB. */
const PRIMARIES: ReadonlyMap<string, Primaries> = new Map([
  ['bt470m', { white: ILLUMINANT_C, red: [0.67, 0.33], green: [0.21, 0.71], blue: [0.14, 0.08] }],
  ['bt470bg', { white: D65, red: [0.64, 0.33], green: [0.29, 0.6], blue: [0.15, 0.06] }],
  ['smpte170m', SMPTE_C],
  ['smpte240m', SMPTE_C],
  ['bt2020', { white: D65, red: [0.708, 0.292], green: [0.17, 0.797], blue: [0.131, 0.046] }],
  ['smpte431', { white: [0.314, 0.351], ...P3 }],
  ['smpte432', { white: D65, ...P3 }],
])

/**
 * All transfer functions except that of sRGB, and those of television, which browsers treat as that of sRGB.
 */
const CURVES: ReadonlyMap<string, Curve> = new Map<string, Curve>([
  ['gamma22', 2.2],
  ['gamma28', 2.8],
  ['linear', 1],
])
