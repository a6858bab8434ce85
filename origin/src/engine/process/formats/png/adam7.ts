/** The seven passes of an interlaced PNG (PNG specification, section 8.2). */

import type { Size } from '../../../../media/size.ts'

/**
 * The positions of the pixels of each pass, and the block that each pixel fills until the next passes arrive.
 */
const PASSES = [
  { x: 0, y: 0, stepX: 8, stepY: 8, blockWidth: 8, blockHeight: 8 },
  { x: 4, y: 0, stepX: 8, stepY: 8, blockWidth: 4, blockHeight: 8 },
  { x: 0, y: 4, stepX: 4, stepY: 8, blockWidth: 4, blockHeight: 4 },
  { x: 2, y: 0, stepX: 4, stepY: 4, blockWidth: 2, blockHeight: 4 },
  { x: 0, y: 2, stepX: 2, stepY: 4, blockWidth: 2, blockHeight: 2 },
  { x: 1, y: 0, stepX: 2, stepY: 2, blockWidth: 1, blockHeight: 2 },
  { x: 0, y: 1, stepX: 1, stepY: 2, blockWidth: 1, blockHeight: 1 },
] as const

/** Returns the size of each pass, as if it were a separate image. */
export function adam7Passes({ width, height }: Size): readonly Size[] {
  return PASSES.map(({ x, y, stepX, stepY }) => ({
    width: Math.max(0, Math.ceil((width - x) / stepX)),
    height: Math.max(0, Math.ceil((height - y) / stepY)),
  }))
}

/**
 * Gives every missing RGBA pixel the colour of the block that contains it. `rows` holds the number of rows
 * present of each pass.
 */
export function fillMissingPasses(
  { data, width, height }: Size & { readonly data: Buffer },
  rows: readonly number[],
): void {
  for (const [pass, { x, y, stepX, stepY }] of PASSES.entries()) {
    const block = PASSES[pass - 1]
    for (let top = y + (rows[pass] ?? 0) * stepY; top < height; top += stepY) {
      for (let left = x; left < width; left += stepX) {
        const to = (top * width + left) * RGBA
        if (block === undefined) data.fill(0, to, to + RGBA)
        else {
          const from = (top - (top % block.blockHeight)) * width + left - (left % block.blockWidth)
          data.copy(data, to, from * RGBA, (from + 1) * RGBA)
        }
      }
    }
  }
}

const RGBA = 4
