/** Reads how a PNG was written. It does not use the service's own reader, because that is under test. */

import { inflateSync } from 'node:zlib'

export interface PngFile {
  readonly header: Buffer
  readonly width: number
  readonly height: number
  /** The chunks between the header and the pixels. */
  readonly palette: readonly Buffer[]
  /** The coded pixels of a still, or of the first frame. */
  readonly data: Buffer
  readonly loop: number | undefined
  /** The frames of an animation. */
  readonly frames: readonly PngPart[]
}

export interface PngPart {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly delayMs: number
  readonly dispose: number
  readonly blend: number
  readonly data: Buffer
}

const SIGNATURE = '89504e470d0a1a0a'
const PALETTE_CHUNKS = ['PLTE', 'tRNS']

/** Reads the structure of a PNG. Undefined for any other file. */
export function readPng(bytes: Buffer): PngFile | undefined {
  if (bytes.toString('hex', 0, 8) !== SIGNATURE) return undefined
  const chunks = chunksOf(bytes)
  const dataOf = (type: string) =>
    Buffer.concat(chunks.filter((chunk) => chunk.type === type).map(({ data }) => data))
  const header = dataOf('IHDR')
  const frames: PngPart[] = []
  for (const [at, { type, data }] of chunks.entries()) {
    if (type !== 'fcTL') continue
    const end = chunks.findIndex(
      (chunk, index) => index > at && (chunk.type === 'fcTL' || chunk.type === 'IEND'),
    )
    const parts = chunks
      .slice(at + 1, end)
      .map((chunk) => (chunk.type === 'fdAT' ? chunk.data.subarray(4) : chunk.data))
    frames.push({
      width: data.readUInt32BE(4),
      height: data.readUInt32BE(8),
      left: data.readUInt32BE(12),
      top: data.readUInt32BE(16),
      delayMs: (1000 * data.readUInt16BE(20)) / data.readUInt16BE(22),
      dispose: data.readUInt8(24),
      blend: data.readUInt8(25),
      data: Buffer.concat(parts),
    })
  }
  return {
    header,
    width: header.readUInt32BE(0),
    height: header.readUInt32BE(4),
    palette: chunks.filter(({ type }) => PALETTE_CHUNKS.includes(type)).map(({ file }) => file),
    data: dataOf('IDAT'),
    loop: frames.length === 0 ? undefined : dataOf('acTL').readUInt32BE(4),
    frames,
  }
}

const COLOUR_TYPES: Readonly<Record<number, string>> = {
  0: 'grey',
  2: 'RGB',
  3: 'palette',
  4: 'grey with alpha',
  6: 'RGBA',
}
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
const FILTERS = ['none', 'sub', 'up', 'average', 'paeth']
/** The compression levels of zlib (RFC 1950, FLEVEL). */
const EFFORTS = ['fastest', 'fast', 'default', 'best']

/** Returns the facts of the header and of the coded rows. */
export function pngFacts({ header, width, height, data }: PngFile) {
  const [depth = 0, colourType = 0, , , interlaced = 0] = header.subarray(8)
  const rowBytes = 1 + Math.ceil((width * depth * (SAMPLES[colourType] ?? 1)) / 8)
  const rows = inflateSync(data)
  const filters = new Set(
    Array.from({ length: height }, (_, row) => FILTERS[rows[row * rowBytes] ?? 0] ?? 'none'),
  )
  return {
    depth,
    colours: COLOUR_TYPES[colourType] ?? 'unknown',
    interlaced: interlaced === 1,
    filters: interlaced === 1 ? [] : [...filters].sort(),
    effort: EFFORTS[(data[1] ?? 0) >> 6] ?? 'unknown',
  }
}

function chunksOf(bytes: Buffer) {
  const chunks: { readonly type: string; readonly data: Buffer; readonly file: Buffer }[] = []
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at)
    const file = bytes.subarray(at, end + 4)
    chunks.push({ type: bytes.toString('latin1', at + 4, at + 8), data: bytes.subarray(at + 8, end), file })
    at = end + 4
  }
  return chunks
}
