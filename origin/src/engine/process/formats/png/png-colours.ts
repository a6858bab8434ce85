/**
 * The colours that a PNG declares in other ways than a profile: code points (`cICP`), or an exponent and
 * primaries (`gAMA`, `cHRM`). The first present of `cICP`, `iCCP`, `sRGB` and `gAMA` applies (PNG
 * specification, third edition, section 4.3). libvips supports only profiles, so it is given one.
 */

import { deflateSync } from 'node:zlib'
import type { Failure } from '@media-proxy/shared/response/failure.ts'
import type { SharpOptions } from 'sharp'
import type { Colours } from '../../colours/colours.ts'
import { coloursOf } from '../../colours/colours.ts'
import { curveOf, type DeclaredColours, declaredColours } from '../../colours/declared-colours.ts'
import { isProfileOf, spaceOfProfile } from '../../colours/icc-header.ts'
import {
  BT709,
  type Curve,
  codePointsOfProfile,
  greyProfile,
  type Primaries,
  rgbProfile,
} from '../../colours/icc-profile.ts'
import { decodingFailure } from '../../pixels/decoding-failure.ts'
import { sharp, UNLIMITED_PIXELS } from '../../pixels/sharp.ts'
import { encodePngChunk, PNG_SIGNATURE, pngChunks, unpackProfile } from './png-chunks.ts'

/**
 * Returns the image with a profile in place of its colour chunks, or without a profile that has no effect.
 * Undefined when neither is needed. A grey image with a profile that Sharp would not convert is changed to a
 * form that Sharp does convert: 8 bits, and RGB when the profile is an RGB profile. Fails with `undecodable`
 * when that image does not decode with the given options.
 */
export async function withDeclaredProfile(
  bytes: Uint8Array,
  options: SharpOptions,
): Promise<Uint8Array | Failure | undefined> {
  const declared = withProfile(bytes)
  const profiled = declared ?? bytes
  const chunks = chunksBeforeData(profiled)
  const profile = chunks.get('iCCP')
  const isAnimated = chunks.has('acTL')
  if (profile === undefined || isAnimated || !isGrey(chunks) || declaredBy(chunks) === 'hdr') return declared
  const isOfColours = spaceOfProfile(profileIn(chunks)) === 'RGB '
  const isDeep = viewOf(chunks, 'IHDR')?.getUint8(BIT_DEPTH_AT) === 16
  if (!isDeep && !isOfColours) return declared
  try {
    const png = await sharp(profiled, { ...UNLIMITED_PIXELS, ...options, ignoreIcc: true })
      .toColourspace(isOfColours ? 'srgb' : 'b-w')
      .png({ compressionLevel: 1 })
      .toBuffer()
    const [header] = pngChunks(png)
    const at = header?.end ?? 0
    return Buffer.concat([png.subarray(0, at), encodePngChunk('iCCP', profile), png.subarray(at)])
  } catch (error) {
    return decodingFailure(error)
  }
}

const BIT_DEPTH_AT = 8

function withProfile(bytes: Uint8Array): Uint8Array | undefined {
  const chunks = chunksBeforeData(bytes)
  const declared = declaredBy(chunks)
  if (declared === 'hdr') return undefined
  if (declared === 'profile')
    return hasLateProfile(chunks) ? replaceColours(bytes, chunks.get('iCCP')) : undefined
  // Sharp would apply a profile that browsers ignore.
  if (declared === 'srgb') return chunks.has('iCCP') ? replaceColours(bytes) : undefined
  return replaceColours(bytes, Buffer.concat([PROFILE_HEAD, deflateSync(declared.icc)]))
}

/** Whether the profile follows the palette, where browsers read it and libpng does not. */
function hasLateProfile(chunks: Chunks): boolean {
  const ids = [...chunks.keys()]
  return ids.includes('PLTE') && ids.indexOf('iCCP') > ids.indexOf('PLTE')
}

/** Replaces the colour chunks by a profile, given as the data of its chunk, or removes them. */
function replaceColours(bytes: Uint8Array, profile?: Uint8Array): Uint8Array {
  const [head = bytes, ...rest] = withoutColours(bytes)
  const chunk = profile === undefined ? [] : [encodePngChunk('iCCP', profile)]
  return Buffer.concat([head, ...chunk, ...rest])
}

/**
 * Yields the parts of a file without its colour chunks: first its header, then the parts between these
 * chunks.
 */
function* withoutColours(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  let [at, start] = [0, PNG_SIGNATURE.length]
  for (const { id, end } of pngChunks(bytes)) {
    if (START_OF_DATA.has(id)) break
    const isColourChunk = COLOUR_CHUNKS.has(id)
    if (id === 'IHDR' || isColourChunk) {
      yield bytes.subarray(at, isColourChunk ? start : end)
      at = end
    }
    start = end
  }
  yield bytes.subarray(at)
}

/** Whether an image is HDR, which no profile converts. */
export function isHdrPng(bytes: Uint8Array): boolean {
  const chunks = chunksBeforeData(bytes)
  const points = codePoints(chunks)
  return points !== undefined && declaredByPoints(points, isGrey(chunks)) === 'hdr'
}

/** Returns the code points that declare the image's colours. Undefined when there are none. */
export function codePointsOfPng(bytes: Uint8Array): Colours | undefined {
  return codePoints(chunksBeforeData(bytes))
}

/** A profile name, and the only compression method. */
const PROFILE_HEAD = Buffer.from('made\0\0', 'latin1')
const COLOUR_CHUNKS: ReadonlySet<string> = new Set(['cICP', 'iCCP', 'sRGB', 'gAMA', 'cHRM'])

/** The lengths of the chunks of fixed length, in bytes. With another length they are ignored. */
const CHUNK_BYTES: ReadonlyMap<string, number> = new Map([
  ['IHDR', 13],
  ['cICP', 4],
  ['sRGB', 1],
  ['gAMA', 4],
  ['cHRM', 32],
])

/** The data of the first valid chunk of each type, in the order of the file. */
type Chunks = ReadonlyMap<string, Uint8Array>

const START_OF_DATA: ReadonlySet<string> = new Set(['IDAT', 'fcTL'])
const READ_CHUNKS: ReadonlySet<string> = new Set([...COLOUR_CHUNKS, 'IHDR', 'PLTE', 'acTL'])

function chunksBeforeData(bytes: Uint8Array): Chunks {
  const chunks = new Map<string, Uint8Array>()
  for (const { id, data } of pngChunks(bytes)) {
    if (START_OF_DATA.has(id)) break
    if (!READ_CHUNKS.has(id) || chunks.has(id)) continue
    const isMisplaced = id === 'cICP' && chunks.has('PLTE')
    if (!isMisplaced && data.length === (CHUNK_BYTES.get(id) ?? data.length)) chunks.set(id, data)
  }
  return chunks
}

/** Returns what declares the colours: code points, an existing profile, or values that become a profile. */
function declaredBy(chunks: Chunks): DeclaredColours | 'profile' {
  const points = codePoints(chunks)
  if (points !== undefined) return declaredByPoints(points, isGrey(chunks))
  if (isProfileOf(profileIn(chunks), isGrey(chunks) ? 'b-w' : 'srgb')) return 'profile'
  if (chunks.has('sRGB') || !chunks.has('gAMA')) return 'srgb'
  const exponent = viewOf(chunks, 'gAMA')?.getUint32(0) ?? 0
  const primaries = primariesOf(chunks)
  // Each of the two is ignored when the other is invalid.
  if (exponent === 0 || primaries === 'none') return 'srgb'
  const curve: Curve = GAMMA_UNIT / exponent
  // Writers that mean sRGB store this value, and browsers treat it as sRGB.
  if (exponent === USUAL_GAMMA && primaries === undefined) return 'srgb'
  if (isGrey(chunks)) return { icc: greyProfile(curve) }
  return { icc: rgbProfile(primaries ?? BT709, curve) }
}

/** The largest profile that is decompressed, in bytes. Profiles for printing presses have some megabytes. */
const MAX_PROFILE_BYTES = 16 * 1024 * 1024

function profileIn(chunks: Chunks): Buffer | undefined {
  const data = chunks.get('iCCP')
  return data && unpackProfile(data, MAX_PROFILE_BYTES)
}

function declaredByPoints(points: Colours, grey: boolean): DeclaredColours {
  const declared = declaredColours(points, 'as on television')
  if (!grey || typeof declared === 'string') return declared
  const curve = curveOf(points.transfer, 'as on television')
  return curve === undefined ? 'srgb' : { icc: greyProfile(curve) }
}

const USUAL_GAMMA = 45_455

const GAMMA_UNIT = 100_000

/** The largest profile whose code points are read, in bytes. Such profiles have some kilobytes. */
const MAX_HDR_PROFILE_BYTES = 1024 * 1024

/** Returns the code points of the image, or those of its profile when they are HDR. */
function codePoints(chunks: Chunks): Colours | undefined {
  const points = chunkCodePoints(chunks)
  const data = chunks.get('iCCP')
  if (points !== undefined || data === undefined || isGrey(chunks)) return points
  const profile = unpackProfile(data, MAX_HDR_PROFILE_BYTES)
  const profiled = profile && codePointsOfProfile(profile)
  return profiled !== undefined && declaredColours(profiled, 'as on television') === 'hdr'
    ? profiled
    : undefined
}

/**
 * Also undefined when the code points leave something unspecified, or when they are not for full-range RGB:
 * they are ignored then.
 */
function chunkCodePoints(chunks: Chunks): Colours | undefined {
  const view = viewOf(chunks, 'cICP')
  if (view === undefined || view.getUint8(2) !== 0 || view.getUint8(3) !== 1) return undefined
  const colours = coloursOf({
    colorPrimaries: view.getUint8(0),
    colorTrc: view.getUint8(1),
    colorSpace: view.getUint8(2),
    colorRange: 2,
  })
  return colours.primaries === undefined || colours.transfer === undefined ? undefined : colours
}

/**
 * Returns the primaries. Undefined when they are not declared, and 'none' when they are not valid colours.
 */
function primariesOf(chunks: Chunks): Primaries | 'none' | undefined {
  const view = viewOf(chunks, 'cHRM')
  if (view === undefined) return undefined
  const point = (at: number) =>
    [view.getUint32(at) / GAMMA_UNIT, view.getUint32(at + 4) / GAMMA_UNIT] as const
  const [white, red, green, blue] = [point(0), point(8), point(16), point(24)]
  return [white, red, green, blue].every(([x, y]) => x < 1 && y > 0 && y < 1)
    ? { white, red, green, blue }
    : 'none'
}

const COLOUR_TYPE_AT = 9
/** A bit of the colour type. Bit 2 is set for colour images; bit 1 is set for palettes. */
const COLOURED = 2

function isGrey(chunks: Chunks): boolean {
  return ((viewOf(chunks, 'IHDR')?.getUint8(COLOUR_TYPE_AT) ?? 0) & COLOURED) === 0
}

function viewOf(chunks: Chunks, chunk: string): DataView | undefined {
  const data = chunks.get(chunk)
  return data && new DataView(data.buffer, data.byteOffset, data.byteLength)
}
