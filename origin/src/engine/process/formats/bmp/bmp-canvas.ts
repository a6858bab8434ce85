/** The canvas on which the pixels of a bitmap are drawn. */

import type { Size } from '../../../../media/size.ts'
import type { RawImage } from '../../pixels/raw-image.ts'

export interface Canvas extends Size {
  readonly topDown: boolean
  /** RGBA pixels, transparent where nothing was drawn. */
  readonly rgba: Uint8Array
}

/** Returns the offset in the canvas of a row, counted from the first row of the file. */
export const rowStart = ({ width, height, topDown }: Canvas, row: number) =>
  (topDown ? row : height - 1 - row) * width * 4

/** Whether any pixel has alpha. Writers that do not support it leave zeros there. */
export function hasAlpha({ rgba }: Canvas): boolean {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== 0) return true
  return false
}

/** Draws a colour of the palette. */
export function drawColour(palette: Uint8Array, index: number, rgba: Uint8Array, to: number): void {
  const at = index * 3
  drawPixel(rgba, to, palette[at] ?? 0, palette[at + 1] ?? 0, palette[at + 2] ?? 0, 255)
}

/** Draws a pixel at an offset of the canvas. */
export function drawPixel(
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
export function toRawImage({ width, height, rgba }: Canvas, namesAlpha: boolean): RawImage {
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
