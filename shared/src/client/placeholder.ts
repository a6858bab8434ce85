/**
 * Decodes placeholders, which are the ThumbHash from `/_metadata`, to pixels without a dependency. The format
 * is Evan Wallace's (https://evanw.github.io/thumbhash/): some coefficients of a cosine transform of
 * luminance (L), two colour differences (P: yellow against blue, Q: red against green) and alpha, with four
 * bits each.
 */

import { encodePng } from './png.ts'

export interface PlaceholderPixels {
  /** In pixels, 1..32. */
  readonly width: number
  readonly height: number
  /** Four bytes per pixel, row by row, with alpha that is not premultiplied. */
  readonly rgba: Uint8Array
}

/** Returns a placeholder as a `data:` URL of a small PNG, for `src` or CSS. Undefined when it is invalid. */
export function placeholderDataUrl(placeholder: string): string | undefined {
  const pixels = placeholderPixels(placeholder)
  if (pixels === undefined) return undefined
  const png = encodePng(pixels.width, pixels.height, pixels.rgba)
  return `data:image/png;base64,${btoa(Array.from(png, (byte) => String.fromCharCode(byte)).join(''))}`
}

const LONGER_SIDE_PIXELS = 32
/** More than a hash has: 5 or 6 bytes of constants, and at most 27 + 5 + 5 + 14 half-byte coefficients. */
const MAX_HASH_BYTES = 40

/** Returns the pixels of a placeholder in standard base64. Undefined when it is invalid. */
export function placeholderPixels(placeholder: string): PlaceholderPixels | undefined {
  const hash = decodeBase64(placeholder)
  return hash === undefined || hash.length > MAX_HASH_BYTES ? undefined : decodeThumbHash(hash)
}

/** Returns the approximate width divided by height of a placeholder's image. Undefined when it is invalid. */
export function placeholderAspectRatio(placeholder: string): number | undefined {
  const pixels = placeholderPixels(placeholder)
  return pixels === undefined ? undefined : pixels.width / pixels.height
}

/** The coefficients of one channel, with their columns and rows in the transform. */
type Coefficients = readonly (readonly [column: number, row: number, value: number])[]

function decodeThumbHash(hash: Uint8Array): PlaceholderPixels | undefined {
  const [b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0] = hash
  const header24 = b0 | (b1 << 8) | (b2 << 16)
  const header16 = b3 | (b4 << 8)
  const hasAlpha = header24 >> 23 === 1
  const isLandscape = header16 >> 15 === 1
  const counts = header16 & 7
  const longCount = hasAlpha ? 5 : 7
  if (counts === 0) return undefined
  const columns = Math.max(3, isLandscape ? longCount : counts)
  const rows = Math.max(3, isLandscape ? counts : longCount)

  const nibble = createNibbleReader(hash, hasAlpha ? 6 : 5)
  // Rounding to four bits affects the colours most, so they are amplified by a quarter.
  const l = readChannel(nibble, columns, rows, ((header24 >> 18) & 31) / 31)
  const p = readChannel(nibble, 3, 3, (((header16 >> 3) & 63) / 63) * 1.25)
  const q = readChannel(nibble, 3, 3, (((header16 >> 9) & 63) / 63) * 1.25)
  const a = hasAlpha ? readChannel(nibble, 5, 5, (b5 >> 4) / 15) : []
  if (nibble.isPastEnd()) return undefined

  const ratio = isLandscape ? longCount / counts : counts / longCount
  const width = Math.round(ratio > 1 ? LONGER_SIDE_PIXELS : LONGER_SIDE_PIXELS * ratio)
  const height = Math.round(ratio > 1 ? LONGER_SIDE_PIXELS / ratio : LONGER_SIDE_PIXELS)
  const rgba = new Uint8Array(width * height * 4)
  const cosines = { across: cosineTable(width), down: cosineTable(height) }
  const constants = {
    l: (header24 & 63) / 63,
    p: ((header24 >> 6) & 63) / 31.5 - 1,
    q: ((header24 >> 12) & 63) / 31.5 - 1,
    a: hasAlpha ? (b5 & 15) / 15 : 1,
  }
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const sum = (start: number, channel: Coefficients) => {
        let value = start
        for (const [column, row, coefficient] of channel) {
          value += 2 * coefficient * (cosines.across[x]?.[column] ?? 0) * (cosines.down[y]?.[row] ?? 0)
        }
        return value
      }
      const [luminance, yellow, red] = [sum(constants.l, l), sum(constants.p, p), sum(constants.q, q)]
      const blue = luminance - (2 / 3) * yellow
      const r = (3 * luminance - blue + red) / 2
      rgba.set([r, r - red, blue, sum(constants.a, a)].map(toByte), (y * width + x) * 4)
    }
  }
  return { width, height, rgba }
}

interface NibbleReader {
  (): number
  isPastEnd(): boolean
}

function createNibbleReader(bytes: Uint8Array, start: number): NibbleReader {
  let at = start * 2
  const read = () => {
    const byte = bytes[at >> 1] ?? 0
    const value = at % 2 === 0 ? byte & 15 : byte >> 4
    at += 1
    return value
  }
  read.isPastEnd = () => at > bytes.length * 2
  return read
}

/** Reads the upper left triangle of a channel's transform, without the constant. */
function readChannel(nibble: () => number, columns: number, rows: number, scale: number): Coefficients {
  const channel: [number, number, number][] = []
  for (let row = 0; row < rows; row += 1) {
    for (let column = row === 0 ? 1 : 0; column * rows < columns * (rows - row); column += 1) {
      channel.push([column, row, (nibble() / 7.5 - 1) * scale])
    }
  }
  return channel
}

const MAX_COEFFICIENTS = 7

function cosineTable(length: number): readonly (readonly number[])[] {
  return Array.from({ length }, (_, at) =>
    Array.from({ length: MAX_COEFFICIENTS }, (_, n) => Math.cos((Math.PI / length) * (at + 0.5) * n)),
  )
}

function toByte(value: number): number {
  return Math.round(255 * Math.min(1, Math.max(0, value)))
}

function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return undefined
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
