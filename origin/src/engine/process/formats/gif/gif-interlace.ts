/** The order of the rows of interlaced images (GIF89a, appendix E). */

import { colourTableBytes, type GifFrame, type GifFrames, gifFrames } from './gif-frames.ts'
import { MAX_RUN, readLzw, writePlainLzw } from './gif-lzw.ts'

/**
 * Returns a copy of the GIF in which the rows of interlaced frames that extend past the canvas are in order:
 * libnsgif counts the rows of the passes inside the canvas only, and mixes them up. Undefined when there are
 * none. The first frame, which extends the canvas, needs none of this.
 */
export function withRowsInOrder(bytes: Uint8Array): Uint8Array | undefined {
  const gif = gifFrames(bytes)
  const parts: Uint8Array[] = []
  let [at, pixels, isFirst] = [0, 0, true]
  for (const frame of gif.frames) {
    const isSkipped = isFirst || !frame.isInterlaced || isInside(gif, frame)
    isFirst = false
    if (isSkipped) continue
    const area = frame.width * frame.height
    pixels += area
    if (pixels > MAX_PIXELS) break
    const coded = new Uint8Array(area + MAX_RUN)
    if (readLzw(frame.data, frame.codeBits, area, coded).pixels < area) continue
    const { head, data } = plainFrame(bytes, frame, inRows(frame, coded.subarray(0, area), 0))
    parts.push(bytes.subarray(at, frame.start), ...head, data)
    at = frame.end
  }
  return parts.length === 0 ? undefined : Buffer.concat([...parts, bytes.subarray(at)])
}

/** The maximum number of pixels of all such frames together. Such files are rare and small. */
const MAX_PIXELS = 4 * 1024 * 1024

function isInside(gif: GifFrames, { left, top, width, height }: GifFrame): boolean {
  return left + width <= gif.width && top + height <= gif.height
}

const INTERLACED_FLAG = 0x40
const DESCRIPTOR_BYTES = 10

/** Encodes the rows of a frame from top to bottom. The head contains its descriptor and its colours. */
export function plainFrame(
  bytes: Uint8Array,
  { start }: GifFrame,
  rows: Uint8Array,
): { readonly head: readonly Uint8Array[]; readonly data: Uint8Array } {
  const descriptor = Buffer.from(bytes.subarray(start, start + DESCRIPTOR_BYTES))
  const flags = descriptor[9] ?? 0
  descriptor[9] = flags & ~INTERLACED_FLAG
  const tableAt = start + DESCRIPTOR_BYTES
  const table = bytes.subarray(tableAt, tableAt + colourTableBytes(flags))
  return { head: [descriptor, table], data: writePlainLzw(rows) }
}

/**
 * The passes in which the rows of an interlaced image are stored. Until the later passes arrive, rows of the
 * first ones fill their place.
 */
const PASSES = [
  { first: 0, step: 8, covers: 8 },
  { first: 4, step: 8, covers: 4 },
  { first: 2, step: 4, covers: 2 },
  { first: 1, step: 2, covers: 1 },
]

/** Returns the pixels in rows from top to bottom. Missing pixels have the index `missing`. */
export function inRows(
  { width, height, isInterlaced }: GifFrame,
  coded: Uint8Array,
  missing: number,
): Uint8Array {
  const shown = new Uint8Array(width * height).fill(missing)
  if (!isInterlaced) {
    shown.set(coded)
    return shown
  }
  let at = 0
  for (const { first, step, covers } of PASSES)
    for (let row = first; row < height && at < coded.length; row += step, at += width) {
      const pixels = coded.subarray(at, at + width)
      const isWhole = pixels.length === width
      for (let copy = row; copy < Math.min(height, row + (isWhole ? covers : 1)); copy += 1)
        shown.set(pixels, copy * width)
    }
  return shown
}
