/** Decodes the run lengths of a bitmap. */

import { type Canvas, drawColour, drawPixel, rowStart } from './bmp-canvas.ts'
import type { Header, Runs } from './bmp-header.ts'

/**
 * Draws run-length coded pixels: runs of one colour, and runs of individual colours. Each row has its own end
 * code, and pixels of it may be skipped.
 */
export function drawRuns(bytes: Uint8Array, { palette, start }: Header, runs: Runs, canvas: Canvas): void {
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
