/** Assembles a decoded image from tiles, plane by plane, so that colours are converted across the seams. */

import type { Size } from '../../../media/size.ts'

/** How the samples of a pixel format lie in memory, plane after plane without padding. */
export interface PlaneLayout {
  readonly bytesPerSample: 1 | 2
  /** The number of bits by which the width and height of chroma are shifted. Undefined without chroma. */
  readonly chromaShift: readonly [x: number, y: number] | undefined
}

const CHROMA_SHIFTS: Readonly<Record<string, readonly [number, number]>> = {
  '420': [1, 1],
  '422': [1, 0],
  '444': [0, 0],
}

/**
 * Returns the layout of a pixel format by FFmpeg's name. Undefined for formats that HEVC does not decode to.
 */
export function planeLayoutOf(pixels: string): PlaneLayout | undefined {
  const [, grey, chroma, depth] = /^(?:(gray)|yuvj?(4\d\d)p)(10le|12le)?$/.exec(pixels) ?? []
  if (grey === undefined && chroma === undefined) return undefined
  const bytesPerSample = depth === undefined ? 1 : 2
  return { bytesPerSample, chromaShift: chroma === undefined ? undefined : CHROMA_SHIFTS[chroma] }
}

interface Plane {
  readonly start: number
  readonly rowBytes: number
  readonly rows: number
  readonly shift: readonly [x: number, y: number]
}

function planesOf({ bytesPerSample, chromaShift }: PlaneLayout, { width, height }: Size): readonly Plane[] {
  const shifts = chromaShift === undefined ? [NONE] : [NONE, chromaShift, chromaShift]
  let start = 0
  return shifts.map((shift) => {
    const rowBytes = shifted(width, shift[0]) * bytesPerSample
    const rows = shifted(height, shift[1])
    const plane = { start, rowBytes, rows, shift }
    start += rowBytes * rows
    return plane
  })
}

const NONE = [0, 0] as const

/** Shifts a length, rounding half a sample up. */
function shifted(length: number, bits: number): number {
  return (length + (1 << bits) - 1) >> bits
}

/** Returns the bytes of an image of this layout. */
export function planarBytes(layout: PlaneLayout, size: Size): number {
  return planesOf(layout, size).reduce((sum, { rowBytes, rows }) => sum + rowBytes * rows, 0)
}

export interface PlacedTile {
  readonly data: Buffer
  readonly size: Size
  /** The position of its upper left corner, on a whole chroma sample. */
  readonly x: number
  readonly y: number
}

/** Copies a tile to its position. Parts beyond the canvas are left out. */
export function placeTile(canvas: Buffer, layout: PlaneLayout, size: Size, tile: PlacedTile): void {
  const targets = planesOf(layout, size)
  for (const [index, from] of planesOf(layout, tile.size).entries()) {
    const to = targets[index]
    if (to === undefined) continue
    const left = (tile.x >> to.shift[0]) * layout.bytesPerSample
    const top = tile.y >> to.shift[1]
    const bytes = Math.min(from.rowBytes, to.rowBytes - left)
    for (let row = 0; row < Math.min(from.rows, to.rows - top); row += 1) {
      const start = from.start + row * from.rowBytes
      tile.data.copy(canvas, to.start + (top + row) * to.rowBytes + left, start, start + bytes)
    }
  }
}
