/**
 * Decodes Windows and OS/2 bitmaps as browsers show them: every header since 1988, palettes, masks of any
 * width, and run lengths. Follows Microsoft's "Bitmap Storage" and the OS/2 Presentation Manager's
 * BITMAPINFOHEADER2. Pixels missing from a truncated file are transparent; pixels that the run lengths of a
 * complete file skip are black.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import type { RawImage } from '../../pixels/raw-image.ts'
import { type Canvas, drawColour, drawPixel, hasAlpha, rowStart, toRawImage } from './bmp-canvas.ts'
import { type BmpOptions, bmpSize, type Header, readBmpHeader, viewOf } from './bmp-header.ts'
import { drawRuns } from './bmp-runs.ts'

/** Decodes a bitmap. Fails with `undecodable` when its coding is none of those that browsers show. */
export function decodeBmp(bytes: Uint8Array, { inIcon = false }: BmpOptions = {}): RawImage | Failure {
  const size = bmpSize(bytes, { inIcon })
  const header = size === undefined ? undefined : readBmpHeader(bytes, inIcon)
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
