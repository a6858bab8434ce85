/**
 * What a PNG says of its colours beside a profile: code points (`cICP`), or an exponent and primaries (`gAMA`, `cHRM`). The
 * first of `cICP`, `iCCP`, `sRGB` and `gAMA` counts (PNG specification, third edition, section 4.3). libvips knows profiles
 * alone, so it gets one.
 */

import { deflateSync } from 'node:zlib'
import type { Colours } from '../colours/colours.ts'
import { coloursOf } from '../colours/colours.ts'
import { BT709, type Curve, greyProfile, type Primaries, rgbProfile } from '../colours/icc-profile.ts'
import { curveOf, type ToldColours, toldColours } from '../colours/told-colours.ts'
import { UNLIMITED_PIXELS } from './inspect.ts'
import { encodePngChunk, type PngChunk, pngChunks } from './png-chunks.ts'
import { sharp } from './sharp.ts'

/**
 * The same picture with a profile instead of what told its colours; undefined where it needs none. Grey of 16 bits with
 * one becomes grey of 8: Sharp converts no other. Throws what Sharp throws.
 */
export async function withToldProfile(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const told = withProfile(bytes)
  const profiled = told ?? bytes
  const chunks = chunksBeforeData(profiled)
  const profile = chunks.find(({ id }) => id === 'iCCP')
  const isDeep = viewOf(chunks, 'IHDR', 13)?.getUint8(BIT_DEPTH_AT) === 16
  if (profile === undefined || !isDeep || !isGrey(chunks)) return told
  const png = await sharp(profiled, { ...UNLIMITED_PIXELS, failOn: 'none', ignoreIcc: true })
    .toColourspace('b-w')
    .png({ compressionLevel: 1 })
    .toBuffer()
  const [header] = pngChunks(png)
  const at = header?.end ?? 0
  return Buffer.concat([png.subarray(0, at), encodePngChunk('iCCP', profile.data), png.subarray(at)])
}

const BIT_DEPTH_AT = 8

function withProfile(bytes: Uint8Array): Uint8Array | undefined {
  const chunks = chunksBeforeData(bytes)
  const told = toldBy(chunks)
  const [header, ...others] = chunks
  if (told === undefined || told === 'srgb' || told === 'hdr' || header === undefined) return undefined
  const kept = others.filter(({ id }) => !COLOUR_CHUNKS.has(id))
  const dataAt = chunks.at(-1)?.end ?? 0
  return Buffer.concat([
    bytes.subarray(0, header.end),
    encodePngChunk('iCCP', PROFILE_HEAD, deflateSync(told.icc)),
    ...kept.map(({ id, data }) => encodePngChunk(id, data)),
    bytes.subarray(dataAt),
  ])
}

/** Tells whether a picture is brighter than a screen, which no profile converts. */
export function isHdrPng(bytes: Uint8Array): boolean {
  return toldBy(chunksBeforeData(bytes)) === 'hdr'
}

/** The code points that tell its colours; undefined where there are none. */
export function codePointsOfPng(bytes: Uint8Array): Colours | undefined {
  return codePoints(chunksBeforeData(bytes))
}

/** A name, and the only way of compression. */
const PROFILE_HEAD = Buffer.from('told\0\0', 'latin1')
const COLOUR_CHUNKS: ReadonlySet<string> = new Set(['cICP', 'iCCP', 'sRGB', 'gAMA', 'cHRM'])

function chunksBeforeData(bytes: Uint8Array): readonly PngChunk[] {
  const chunks: PngChunk[] = []
  for (const chunk of pngChunks(bytes)) {
    if (chunk.id === 'IDAT' || chunk.id === 'fcTL') break
    chunks.push(chunk)
  }
  return chunks
}

function toldBy(chunks: readonly PngChunk[]): ToldColours | undefined {
  const points = codePoints(chunks)
  if (points !== undefined) return toldByPoints(points, isGrey(chunks))
  const has = (wanted: string) => chunks.some(({ id }) => id === wanted)
  if (has('iCCP') || has('sRGB') || !has('gAMA')) return undefined
  const exponent = viewOf(chunks, 'gAMA', 4)?.getUint32(0) ?? 0
  if (exponent === 0) return undefined
  const curve: Curve = GAMMA_UNIT / exponent
  const primaries = primariesOf(chunks)
  // What writers put that mean sRGB: browsers take it for that.
  if (exponent === USUAL_GAMMA && primaries === undefined) return undefined
  if (isGrey(chunks)) return { icc: greyProfile(curve) }
  return { icc: rgbProfile(primaries ?? BT709, curve) }
}

function toldByPoints(points: Colours, grey: boolean): ToldColours {
  const told = toldColours(points, 'as on television')
  if (!grey || typeof told === 'string') return told
  const curve = curveOf(points.transfer, 'as on television')
  return curve === undefined ? 'srgb' : { icc: greyProfile(curve) }
}

const USUAL_GAMMA = 45_455

const GAMMA_UNIT = 100_000

function codePoints(chunks: readonly PngChunk[]): Colours | undefined {
  const view = viewOf(chunks, 'cICP', 4)
  return (
    view &&
    coloursOf({
      colorPrimaries: view.getUint8(0),
      colorTrc: view.getUint8(1),
      colorSpace: view.getUint8(2),
      colorRange: view.getUint8(3) === 1 ? 2 : 1,
    })
  )
}

function primariesOf(chunks: readonly PngChunk[]): Primaries | undefined {
  const view = viewOf(chunks, 'cHRM', 32)
  if (view === undefined) return undefined
  const point = (at: number) =>
    [view.getUint32(at) / GAMMA_UNIT, view.getUint32(at + 4) / GAMMA_UNIT] as const
  const [white, red, green, blue] = [point(0), point(8), point(16), point(24)]
  return [white, red, green, blue].every(([x, y]) => x < 1 && y > 0 && y < 1)
    ? { white, red, green, blue }
    : undefined
}

const COLOUR_TYPE_AT = 9
/** Bits of the colour type: 2 for colours, 1 for a palette of them. */
const COLOURED = 2

function isGrey(chunks: readonly PngChunk[]): boolean {
  return ((viewOf(chunks, 'IHDR', 13)?.getUint8(COLOUR_TYPE_AT) ?? 0) & COLOURED) === 0
}

function viewOf(chunks: readonly PngChunk[], wanted: string, bytes: number): DataView | undefined {
  const data = chunks.find(({ id }) => id === wanted)?.data
  return data === undefined || data.length < bytes
    ? undefined
    : new DataView(data.buffer, data.byteOffset, data.byteLength)
}
