/** Reads the header of a bitmap: its size, its coding, its masks and its palette. */

import type { Size } from '../../../../media/size.ts'

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

/** The length of the header that precedes the bitmap header in a file. */
export const BMP_FILE_HEADER_BYTES = 14
const HEADER_AT = BMP_FILE_HEADER_BYTES
const SHORTEST_BYTES = 26
const OS2_FIRST_BYTES = 12
/** The header lengths that Windows uses, in bytes. OS/2's second header has any length from 16 to 64. */
const WINDOWS_HEADERS: ReadonlySet<number> = new Set([40, 52, 56, 108, 124])

export type Runs = 'runs of 4' | 'runs of 8' | 'runs of 24'
type Coding = 'rgb' | 'masks' | Runs

interface Masks {
  readonly red: number
  readonly green: number
  readonly blue: number
  readonly alpha?: number
}

export interface Header {
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

/** Reads the header. Undefined when its coding is none of those that browsers show. */
export function readBmpHeader(bytes: Uint8Array, inIcon: boolean): Header | undefined {
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

/** Returns a view of the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
