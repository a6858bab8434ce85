/**
 * Decodes Windows and OS/2 bitmaps as browsers show them: every header since 1988, palettes, masks of any
 * width, and run lengths. Follows Microsoft's "Bitmap Storage" and the OS/2 Presentation Manager's
 * BITMAPINFOHEADER2. Pixels missing from a truncated file are transparent; pixels that the run lengths of a
 * complete file skip are black.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { Size } from '../../../../media/size.ts'
import type { RawImage } from '../../pixels/raw-image.ts'

export interface BmpOptions {
  /**
   * Whether it is a bitmap in an icon: its declared height is doubled, because a mask of one bit per pixel
   * follows the pixels. Set bits are transparent pixels. The bytes before the bitmap header are ignored.
   */
  readonly inIcon?: boolean
}

/** Returns the size of a bitmap in pixels, as shown. Undefined when the file has no bitmap header. */
export function bmpSize(bytes: Uint8Array, { inIcon = false }: BmpOptions = {}): Size | undefined {
  if (bytes.length < SHORTEST_BYTES) return undefined
  const view = viewOf(bytes)
  const isFirst = view.getUint32(HEADER_AT, true) === OS2_FIRST_BYTES
  const width = isFirst ? view.getUint16(18, true) : view.getInt32(18, true)
  // A negative height means that the rows are stored from top to bottom.
  const stored = isFirst ? view.getUint16(20, true) : Math.abs(view.getInt32(22, true))
  const height = inIcon ? Math.floor(stored / 2) : stored
  return width > 0 && height > 0 ? { width, height } : undefined
}

/** Decodes a bitmap. Fails with `undecodable` when its coding is none of those that browsers show. */
export function decodeBmp(bytes: Uint8Array, { inIcon = false }: BmpOptions = {}): RawImage | Failure {
  const size = bmpSize(bytes, { inIcon })
  const header = size === undefined ? undefined : readHeader(bytes, inIcon)
  if (size === undefined || header === undefined) return fail('undecodable', 'no header of bmp')
  const { bits, coding } = header
  const canvas: Canvas = {
    ...size,
    topDown: header.topDown,
    rgba: new Uint8Array(size.width * size.height * 4),
  }
  if (coding === 'rgb' || coding === 'masks') {
    const read = pixelReader(bytes, header)
    if (read === undefined) return fail('undecodable', `a bitmap of ${bits} bits a pixel`)
    drawRows(bytes, header, canvas, read)
    if (inIcon && (header.masks?.alpha === undefined || !hasAlpha(canvas))) {
      drawMask(bytes, header, canvas)
      return toRawImage(canvas, false)
    }
  } else if (inIcon) {
    return fail('undecodable', 'run lengths in an icon')
  } else drawRuns(bytes, header, coding, canvas)
  return toRawImage(canvas, header.masks?.alpha !== undefined)
}

/** The length of the header that precedes the bitmap header in a file. */
export const BMP_FILE_HEADER_BYTES = 14
const HEADER_AT = BMP_FILE_HEADER_BYTES
const SHORTEST_BYTES = 26
const OS2_FIRST_BYTES = 12
/** The header lengths that Windows uses, in bytes. OS/2's second header has any length from 16 to 64. */
const WINDOWS_HEADERS: ReadonlySet<number> = new Set([40, 52, 56, 108, 124])

type Runs = 'runs of 4' | 'runs of 8' | 'runs of 24'
type Coding = 'rgb' | 'masks' | Runs

interface Masks {
  readonly red: number
  readonly green: number
  readonly blue: number
  readonly alpha?: number
}

interface Header {
  readonly topDown: boolean
  /** Bits per pixel. */
  readonly bits: number
  readonly coding: Coding
  /** The channel masks of pixels of 16 and 32 bits. */
  readonly masks: Masks | undefined
  /** Red, green and blue of each entry in turn. */
  readonly palette: Uint8Array
  /** The offset of the pixel data in the file. */
  readonly start: number
}

function readHeader(bytes: Uint8Array, inIcon: boolean): Header | undefined {
  const view = viewOf(bytes)
  const headerBytes = view.getUint32(HEADER_AT, true)
  const isFirst = headerBytes === OS2_FIRST_BYTES
  /** Reads a header field; fields that a shorter header leaves out are 0. */
  const field = (at: number) =>
    at + 4 <= Math.min(HEADER_AT + headerBytes, bytes.length) ? view.getUint32(at, true) : 0
  if (bytes.length < HEADER_AT + Math.min(headerBytes, WINDOWS_BYTES)) return undefined
  const bits = view.getUint16(isFirst ? 24 : 28, true)
  const coding = codingOf(isFirst ? 0 : field(30), bits, WINDOWS_HEADERS.has(headerBytes))
  if (coding === undefined) return undefined
  const behind = HEADER_AT + headerBytes
  const masks =
    coding === 'masks'
      ? readMasks(view, headerBytes, field(30) === ALPHA_MASKS)
      : usualMasks(bits, alphaMask(headerBytes, bits, inIcon, field))
  if (masks === undefined && (bits === 16 || bits === 32)) return undefined
  const masksBytes =
    coding === 'masks' && headerBytes === WINDOWS_BYTES ? (field(30) === ALPHA_MASKS ? 16 : 12) : 0
  const declared = inIcon ? 0 : view.getUint32(10, true)
  const { palette, end } = readPalette(bytes, {
    at: behind + masksBytes,
    entryBytes: isFirst ? 3 : 4,
    count: bits > 8 ? 0 : Math.min(field(46) || 2 ** bits, 2 ** bits),
    pixelsAt: declared,
  })
  return {
    topDown: !isFirst && view.getInt32(22, true) < 0,
    bits,
    coding,
    masks,
    palette,
    start: declared > behind ? declared : end,
  }
}

const WINDOWS_BYTES = 40
/** From the third Windows header on, there is a field for the alpha mask. */
const WINDOWS_3_BYTES = 56
/** From the fourth Windows header on, the alpha mask applies whatever the coding. */
const WINDOWS_4_BYTES = 108
const ALPHA_MASK_AT = 66
/** The numbers of the codings in the header. */
const [RLE8, RLE4, MASKS, RLE24, ALPHA_MASKS] = [1, 2, 3, 4, 6]

function codingOf(number: number, bits: number, isWindows: boolean): Coding | undefined {
  if (number === 0) return 'rgb'
  if (number === RLE8 && bits === 8) return 'runs of 8'
  if (number === RLE4 && bits === 4) return 'runs of 4'
  // OS/2's third coding is a fax coding.
  if (isWindows) return (number === MASKS || number === ALPHA_MASKS) && bits >= 16 ? 'masks' : undefined
  return number === RLE24 && bits === 24 ? 'runs of 24' : undefined
}

/** Returns the alpha mask of pixels whose other masks are the usual ones; 0 when there is none. */
function alphaMask(
  headerBytes: number,
  bits: number,
  inIcon: boolean,
  field: (at: number) => number,
): number {
  if (headerBytes >= WINDOWS_4_BYTES) return field(ALPHA_MASK_AT)
  // The shorter headers declare no alpha, but icons of 32 bits have it.
  return inIcon && bits === 32 && headerBytes < WINDOWS_3_BYTES ? 0xff000000 : 0
}

function usualMasks(bits: number, alphaMask: number): Masks | undefined {
  const alpha = alphaMask === 0 ? {} : { alpha: alphaMask }
  if (bits === 16) return { red: 0x7c00, green: 0x03e0, blue: 0x001f, ...alpha }
  return bits === 32 ? { red: 0xff0000, green: 0xff00, blue: 0xff, ...alpha } : undefined
}

/** Reads the channel masks. They follow the shortest Windows header, or are part of the longer ones. */
function readMasks(view: DataView, headerBytes: number, namesAlpha: boolean): Masks | undefined {
  const at = HEADER_AT + WINDOWS_BYTES
  const declaresAlpha = namesAlpha || headerBytes >= WINDOWS_3_BYTES
  if (view.byteLength < at + (declaresAlpha ? 16 : 12)) return undefined
  const [red = 0, green = 0, blue = 0] = [0, 4, 8].map((offset) => view.getUint32(at + offset, true))
  const alpha = declaresAlpha ? view.getUint32(at + 12, true) : 0
  return { red, green, blue, ...(alpha === 0 ? {} : { alpha }) }
}

interface PaletteSpan {
  readonly at: number
  readonly entryBytes: 3 | 4
  readonly count: number
  /** The offset of the pixel data that the file declares. The palette ends there at the latest. */
  readonly pixelsAt: number
}

function readPalette(
  bytes: Uint8Array,
  { at, entryBytes, count, pixelsAt }: PaletteSpan,
): { readonly palette: Uint8Array; readonly end: number } {
  const room = Math.floor(((pixelsAt > at ? pixelsAt : bytes.length) - at) / entryBytes)
  const entries = Math.max(0, Math.min(count, room, 256))
  const palette = new Uint8Array(256 * 3)
  for (let entry = 0; entry < entries; entry += 1)
    for (let channel = 0; channel < 3; channel += 1)
      palette[entry * 3 + channel] = bytes[at + entry * entryBytes + 2 - channel] ?? 0
  return { palette, end: at + entries * entryBytes }
}

interface Canvas extends Size {
  readonly topDown: boolean
  /** RGBA pixels, transparent where nothing was drawn. */
  readonly rgba: Uint8Array
}

/** Returns the offset in the canvas of a row, counted from the first row of the file. */
const rowStart = ({ width, height, topDown }: Canvas, row: number) =>
  (topDown ? row : height - 1 - row) * width * 4

/** Draws pixel `x` of the row that starts at offset `row` of the file to offset `to` of the canvas. */
type ReadPixel = (row: number, x: number, rgba: Uint8Array, to: number) => void

function pixelReader(bytes: Uint8Array, { bits, palette, masks }: Header): ReadPixel | undefined {
  switch (bits) {
    case 1:
    case 2:
    case 4:
    case 8: {
      const perByte = 8 / bits
      return (row, x, rgba, to) => {
        const byte = bytes[row + Math.floor(x / perByte)] ?? 0
        const index = (byte >> (8 - bits - (x % perByte) * bits)) & (2 ** bits - 1)
        drawColour(palette, index, rgba, to)
      }
    }
    case 24:
      return (row, x, rgba, to) => {
        const at = row + x * 3
        drawPixel(rgba, to, bytes[at + 2] ?? 0, bytes[at + 1] ?? 0, bytes[at] ?? 0, 255)
      }
    case 16:
    case 32: {
      if (masks === undefined) return undefined
      const view = viewOf(bytes)
      const [red, green, blue] = [channelOf(masks.red), channelOf(masks.green), channelOf(masks.blue)]
      const alpha = masks.alpha === undefined ? () => 255 : channelOf(masks.alpha)
      return (row, x, rgba, to) => {
        const value = bits === 16 ? view.getUint16(row + x * 2, true) : view.getUint32(row + x * 4, true)
        drawPixel(rgba, to, red(value), green(value), blue(value), alpha(value))
      }
    }
    default:
      return undefined
  }
}

/**
 * Returns a function that reads the bits of a mask as an 8-bit value: the highest 8 of a wider mask, or the
 * bits of a narrower one repeated.
 */
function channelOf(mask: number): (value: number) => number {
  if (mask === 0) return () => 0
  const shift = 31 - Math.clz32(mask & -mask)
  const bits = 32 - Math.clz32(mask) - shift
  if (bits >= 8) return (value) => ((value & mask) >>> (shift + bits - 8)) & 0xff
  const table = Uint8Array.from({ length: 2 ** bits }, (_, value) => {
    let repeated = 0
    for (let filled = 8 - bits; filled > -bits; filled -= bits)
      repeated |= filled >= 0 ? value << filled : value >> -filled
    return repeated
  })
  return (value) => table[(value & mask) >>> shift] ?? 0
}

/** Returns the length of a row, which is padded to whole 32-bit words. */
const rowLength = (bits: number, width: number) => Math.ceil((bits * width) / 32) * 4

function drawRows(
  bytes: Uint8Array,
  { bits, start }: Pick<Header, 'bits' | 'start'>,
  canvas: Canvas,
  read: ReadPixel,
): void {
  const { width, height, rgba } = canvas
  const rowBytes = rowLength(bits, width)
  for (let row = 0; row < height; row += 1) {
    const from = start + row * rowBytes
    const whole = Math.min(width, Math.floor(((bytes.length - from) * 8) / bits))
    const to = rowStart(canvas, row)
    for (let x = 0; x < whole; x += 1) read(from, x, rgba, to + x * 4)
    if (whole < width) return
  }
}

/** Returns whether any pixel has alpha. Writers that do not support it leave zeros there. */
function hasAlpha({ rgba }: Canvas): boolean {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== 0) return true
  return false
}

/** Makes the pixels of an icon without alpha transparent where its mask is set, and all others opaque. */
function drawMask(bytes: Uint8Array, { bits, start, masks }: Header, canvas: Canvas): void {
  const { width, height, rgba } = canvas
  if (masks?.alpha !== undefined) for (let at = 3; at < rgba.length; at += 4) rgba[at] = 255
  const mask = { bits: 1, start: start + rowLength(bits, width) * height }
  drawRows(bytes, mask, canvas, (row, x, _, to) => {
    const isSet = (((bytes[row + (x >> 3)] ?? 0) >> (7 - (x & 7))) & 1) === 1
    if (isSet) rgba.fill(0, to, to + 4)
  })
}

/**
 * Draws run-length coded pixels: runs of one colour, and runs of individual colours. Each row has its own end
 * code, and pixels of it may be skipped.
 */
function drawRuns(bytes: Uint8Array, { palette, start }: Header, runs: Runs, canvas: Canvas): void {
  const { width, height, rgba } = canvas
  let [at, x, row] = [start, 0, 0]
  /** Draws pixel `index` of those that start at offset `from` of the file. */
  function draw(from: number, index: number): void {
    const to = rowStart(canvas, row) + x * 4
    x += 1
    if (runs === 'runs of 24') {
      const pixel = from + index * 3
      drawPixel(rgba, to, bytes[pixel + 2] ?? 0, bytes[pixel + 1] ?? 0, bytes[pixel] ?? 0, 255)
    } else if (runs === 'runs of 8') drawColour(palette, bytes[from + index] ?? 0, rgba, to)
    else drawColour(palette, ((bytes[from + (index >> 1)] ?? 0) >> (index % 2 === 0 ? 4 : 0)) & 0xf, rgba, to)
  }
  /** Draws a run up to the end of its row: two bytes can name up to 255 pixels, wherever they lie. */
  function drawRun(count: number, from: number, indexOf: (step: number) => number): void {
    const end = x + count
    for (let step = 0; step < count && x < width; step += 1) draw(from, indexOf(step))
    x = end
  }
  const bytesOf = (pixels: number) =>
    ({ 'runs of 4': Math.ceil(pixels / 2), 'runs of 8': pixels, 'runs of 24': pixels * 3 })[runs]
  while (at + 1 < bytes.length && row < height) {
    const count = bytes[at] ?? 0
    const code = bytes[at + 1] ?? 0
    if (count > 0) {
      // With 4 bits per pixel, a run alternates between the two halves of its byte.
      drawRun(count, at + 1, (step) => (runs === 'runs of 4' ? step % 2 : 0))
      at += 1 + bytesOf(1)
    } else if (code === END_OF_ROW) {
      ;[at, x, row] = [at + 2, 0, row + 1]
    } else if (code === END_OF_BITMAP) {
      row = height
    } else if (code === MOVE) {
      ;[x, row] = [x + (bytes[at + 2] ?? 0), row + (bytes[at + 3] ?? 0)]
      at += 4
    } else {
      const there = Math.min(code, Math.floor(((bytes.length - at - 2) * code) / bytesOf(code)))
      drawRun(there, at + 2, (step) => step)
      // Individual colours are padded to whole 16-bit words.
      at += 2 + Math.ceil(bytesOf(code) / 2) * 2
    }
  }
  const isWhole = row >= height || (row === height - 1 && x >= width)
  if (isWhole) for (let alpha = 3; alpha < rgba.length; alpha += 4) rgba[alpha] = 255
}

const [END_OF_ROW, END_OF_BITMAP, MOVE] = [0, 1, 2]

function drawColour(palette: Uint8Array, index: number, rgba: Uint8Array, to: number): void {
  const at = index * 3
  drawPixel(rgba, to, palette[at] ?? 0, palette[at + 1] ?? 0, palette[at + 2] ?? 0, 255)
}

function drawPixel(
  rgba: Uint8Array,
  to: number,
  red: number,
  green: number,
  blue: number,
  alpha: number,
): void {
  rgba[to] = red
  rgba[to + 1] = green
  rgba[to + 2] = blue
  rgba[to + 3] = alpha
}

/**
 * Converts the canvas to an image. Alpha is dropped when every pixel is opaque, and also when a declared
 * alpha channel is 0 everywhere: writers that do not support alpha leave zeros there.
 */
function toRawImage({ width, height, rgba }: Canvas, namesAlpha: boolean): RawImage {
  let [lowest, highest] = [255, 0]
  for (let at = 3; at < rgba.length; at += 4) {
    const alpha = rgba[at] ?? 0
    if (alpha < lowest) lowest = alpha
    if (alpha > highest) highest = alpha
  }
  if (lowest < 255 && (highest > 0 || !namesAlpha)) return { data: rgba, width, height, channels: 4 }
  const data = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    data[to] = rgba[from] ?? 0
    data[to + 1] = rgba[from + 1] ?? 0
    data[to + 2] = rgba[from + 2] ?? 0
  }
  return { data, width, height, channels: 3 }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
