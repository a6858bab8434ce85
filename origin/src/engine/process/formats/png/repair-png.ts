/**
 * Repairs a damaged PNG as far as its data goes. Browsers show its first rows, while decoders reject it or
 * paint the missing rows black. Here checksums are corrected, corrupt compression is redone, and missing rows
 * become transparent.
 */

import { constants, createInflateRaw, deflateSync } from 'node:zlib'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { hasDeepProfile, toScreen } from '../../colours/deep-profile.ts'
import { decodingFailure } from '../../pixels/decoding-failure.ts'
import { sharp, UNLIMITED_PIXELS } from '../../pixels/sharp.ts'
import { adam7Passes, fillMissingPasses } from './adam7.ts'
import { encodePngChunk, hasRightChecksum, PNG_SIGNATURE, type PngChunk, pngChunks } from './png-chunks.ts'

/**
 * Returns a complete PNG for one that is truncated, has wrong checksums, or declares a zlib window that is
 * too small. Undefined when the PNG has none of these faults. The compressed data of a file with correct
 * checksums is repaired only with `checksData`, because decompressing it takes as long as decoding it. Fails
 * with `undecodable` when not even the first row is present. The header must have been validated.
 */
export async function repairPng(
  bytes: Uint8Array,
  { checksData }: PngRepairOptions,
): Promise<Uint8Array | Failure | undefined> {
  if (!startsWithZlib(bytes)) return fail('undecodable', 'no image data')
  const seen = withWholeWindow(bytes)
  if (!checksData && isWholePng(bytes)) return seen
  const chunks = [...neededChunks(seen ?? bytes)]
  const header = headerOf(chunks)
  if (header === undefined) return fail('undecodable', 'no header')
  if (header.dataBytes > MAX_DATA_BYTES) return rewrite(chunks)
  const data = chunks.filter(({ id }) => id === 'IDAT').map((chunk) => chunk.data)
  const pixels = withoutBadRows(header, await inflateStart(data, header.dataBytes))
  return pixels.length < header.dataBytes ? repaint(chunks, header, pixels) : repack(chunks, pixels)
}

export interface PngRepairOptions {
  /** Whether the compressed data of a file with correct checksums is decompressed and repaired too. */
  readonly checksData: boolean
}

/**
 * Whether a PNG is complete and has correct checksums. One that does not may have to be painted
 * again.
 */
export function isWholePng(bytes: Uint8Array): boolean {
  let last = ''
  for (const chunk of pngChunks(bytes)) {
    if (!hasRightChecksum(chunk, bytes)) return false
    last = chunk.id
  }
  return last === 'IEND'
}

/** Larger image data is left to the decoder, which paints the missing rows black. */
const MAX_DATA_BYTES = 128 * 1024 * 1024

/**
 * Whether the image data starts with the two bytes of a zlib stream without a preset dictionary
 * (RFC 1950, section 2.2).
 */
function startsWithZlib(bytes: Uint8Array): boolean {
  const start: number[] = []
  for (const { id, data } of pngChunks(bytes)) {
    if (id === 'IDAT') start.push(...data.subarray(0, 2 - start.length))
    if (start.length === 2) break
  }
  const [method = 0, flags] = start
  if (flags === undefined || (method & 0xf) !== 8 || (flags & PRESET_DICTIONARY) !== 0) return false
  return (method * 256 + flags) % 31 === 0
}

const PRESET_DICTIONARY = 0x20

const WINDOW_AT = 4
/** The zlib header of the largest window, 32 KiB: method, window and checksum. */
const WHOLE_WINDOW = [0x78, 0x01] as const

/**
 * Returns a copy that declares the largest zlib window. Undefined when the declared window is large enough
 * for the image. Writers with an old libpng declared windows that are too small: decoders that ignore the
 * declaration show the image, and libpng shows noise.
 */
function withWholeWindow(bytes: Uint8Array): Uint8Array | undefined {
  const chunks: PngChunk[] = []
  for (const chunk of pngChunks(bytes)) {
    if (chunk.id === 'IHDR' || chunk.id === 'IDAT') chunks.push(chunk)
    if (chunk.id === 'IDAT') break
  }
  const first = chunks.at(-1)
  const dataBytes = headerOf(chunks)?.dataBytes ?? 0
  const method = first?.id === 'IDAT' && first.data.length > 1 ? first.data[0] : undefined
  if (first === undefined || method === undefined || first.end > bytes.length) return undefined
  const windowBytes = 256 << (method >> WINDOW_AT)
  if (windowBytes >= Math.min(dataBytes, MAX_WINDOW_BYTES)) return undefined
  const data = Buffer.from(first.data)
  data.set(WHOLE_WINDOW)
  const [start, end] = [first.end - data.length - 12, first.end]
  return Buffer.concat([bytes.subarray(0, start), encodePngChunk('IDAT', data), bytes.subarray(end)])
}

const MAX_WINDOW_BYTES = 32 * 1024

interface Header {
  readonly width: number
  readonly height: number
  readonly bitsPerPixel: number
  readonly interlaced: boolean
  /** The bytes of the decompressed image data: the rows of all passes, each preceded by its filter byte. */
  readonly dataBytes: number
}

const SAMPLES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
])

function headerOf(chunks: readonly PngChunk[]): Header | undefined {
  const data = chunks.find(({ id }) => id === 'IHDR')?.data
  if (data === undefined || data.length < 13) return undefined
  const view = new DataView(data.buffer, data.byteOffset)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const bitsPerPixel = view.getUint8(8) * (SAMPLES.get(view.getUint8(9)) ?? 0)
  const interlaced = view.getUint8(12) === 1
  const size = { width, height, bitsPerPixel, interlaced }
  const dataBytes = passesOf(size).reduce((sum, { rows, rowBytes }) => sum + rows * rowBytes, 0)
  return { ...size, dataBytes }
}

interface Rows {
  readonly rows: number
  /** Includes the filter byte. */
  readonly rowBytes: number
}

function passesOf(header: Omit<Header, 'dataBytes'>): readonly Rows[] {
  const { width, height, bitsPerPixel, interlaced } = header
  const sizes = interlaced ? adam7Passes({ width, height }) : [{ width, height }]
  return sizes.map((size) => ({
    rows: size.width === 0 ? 0 : size.height,
    rowBytes: 1 + Math.ceil((size.width * bitsPerPixel) / 8),
  }))
}

/**
 * The sizes of the inflated pieces. One piece is lost before an error in the stream: less than a row of most
 * images, and next to nothing of small ones.
 */
const INFLATED_CHUNK_BYTES = 1024
const SMALL_CHUNK_BYTES = 64
const SMALL_IMAGE_BYTES = 64 * 1024

/** The bytes of the zlib header before the deflate stream (RFC 1950, section 2.2). */
const ZLIB_HEADER_BYTES = 2

/**
 * Inflates as much as a corrupt stream yields, up to a limit. The checksum at its end is not checked: an
 * error there would discard the last rows.
 */
async function inflateStart(data: readonly Uint8Array[], maxBytes: number): Promise<Buffer> {
  const chunkSize = maxBytes < SMALL_IMAGE_BYTES ? SMALL_CHUNK_BYTES : INFLATED_CHUNK_BYTES
  const inflate = createInflateRaw({ chunkSize, finishFlush: constants.Z_SYNC_FLUSH })
  const parts: Buffer[] = []
  let bytes = 0
  inflate.end(Buffer.concat(data).subarray(ZLIB_HEADER_BYTES))
  try {
    for await (const part of inflate) {
      parts.push(part)
      bytes += part.length
      if (bytes >= maxBytes) break
    }
  } catch {
    // The stream is corrupt here; the image consists of what came before.
  }
  return Buffer.concat(parts).subarray(0, maxBytes)
}

/** The highest filter number of a row; they start at 0 (PNG specification, section 9.2). */
const MAX_FILTER = 4

/** Returns the rows before the first one with an invalid filter. Everything from there on is noise. */
function withoutBadRows(header: Header, pixels: Buffer): Buffer {
  let at = 0
  for (const { rows, rowBytes } of passesOf(header)) {
    for (let row = 0; row < rows && at < pixels.length; row += 1, at += rowBytes)
      if ((pixels[at] ?? 0) > MAX_FILTER) return pixels.subarray(0, at)
  }
  return pixels
}

/** Returns the file with its image data compressed again. */
function repack(chunks: readonly PngChunk[], pixels: Uint8Array): Uint8Array {
  const first = chunks.findIndex(({ id }) => id === 'IDAT')
  const data = { id: 'IDAT', data: deflateSync(pixels, { level: 0 }), end: 0 }
  return rewrite(
    chunks.flatMap((chunk, index) => (chunk.id !== 'IDAT' ? chunk : index === first ? data : [])),
  )
}

/** The critical chunks, which a decoder has to understand (PNG specification, section 5.4). */
const CRITICAL: ReadonlySet<string> = new Set(['IHDR', 'PLTE', 'IDAT'])
/**
 * The largest number of chunks that are kept. Writers put 8 KiB of data into each, but a file may have as
 * many as a twelfth of its bytes.
 */
const MAX_CHUNKS = 64 * 1024

/** The chunks without which an animation, or a frame of one, is lost. */
const OF_ANIMATIONS: ReadonlySet<string> = new Set(['acTL', 'fcTL', 'fdAT'])

/**
 * Yields the chunks of a damaged file that are kept. An unknown critical chunk is a corrupt type name.
 * Ancillary chunks with a wrong checksum are dropped, as browsers ignore them.
 */
function* neededChunks(bytes: Uint8Array): Generator<PngChunk, void, void> {
  let left = MAX_CHUNKS
  for (const chunk of pngChunks(bytes)) {
    const isNeeded = CRITICAL.has(chunk.id) || OF_ANIMATIONS.has(chunk.id)
    if (!isNeeded && !(/^[a-z]/.test(chunk.id) && hasRightChecksum(chunk, bytes))) continue
    if (left === 0) return
    left -= 1
    yield chunk
  }
}

/** Writes the chunks with correct checksums and an end chunk. */
function rewrite(chunks: readonly PngChunk[]): Uint8Array {
  return Buffer.concat([
    PNG_SIGNATURE,
    ...chunks.map(({ id, data }) => encodePngChunk(id, data)),
    encodePngChunk('IEND'),
  ])
}

async function repaint(
  chunks: readonly PngChunk[],
  header: Header,
  pixels: Uint8Array,
): Promise<Uint8Array | Failure> {
  const { width, height, interlaced } = header
  const rows = rowsIn(header, pixels.length)
  if ((rows[0] ?? 0) === 0) return fail('undecodable', 'not one row')
  const padded = Buffer.alloc(header.dataBytes)
  padded.set(pixels)
  const before = chunks.slice(
    0,
    chunks.findIndex(({ id }) => id === 'IDAT'),
  )
  // Without its control chunks, an animation is a still image.
  const colours = before.filter(({ id }) => id !== 'acTL' && id !== 'fcTL')
  const whole = [...colours, { id: 'IDAT', data: deflateSync(padded, { level: 0 }), end: 0 }]
  try {
    const opened = sharp(rewrite(whole), { ...UNLIMITED_PIXELS, failOn: 'none' })
    const deepProfile = hasDeepProfile(await opened.metadata())
    const data = await toScreen(opened, { deepProfile })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer()
    if (interlaced) fillMissingPasses({ data, width, height }, rows)
    else data.fill(0, (rows[0] ?? 0) * width * 4)
    const raw = { width, height, channels: 4 } as const
    return await sharp(data, { ...UNLIMITED_PIXELS, raw })
      .png({ compressionLevel: 0 })
      .toBuffer()
  } catch (error) {
    return decodingFailure(error)
  }
}

/** Returns how many rows of each pass are present. */
function rowsIn(header: Header, bytes: number): readonly number[] {
  let left = bytes
  return passesOf(header).map(({ rows, rowBytes }) => {
    const there = Math.min(rows, Math.floor(left / rowBytes))
    left -= rows * rowBytes
    return Math.max(0, there)
  })
}
