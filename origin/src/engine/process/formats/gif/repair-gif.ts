/**
 * Repairs a GIF whose first image is truncated or corrupt. libnsgif rejects corrupt data, loses the last run
 * of data without an end code, and leaves gaps between the rows of interlaced images. Browsers show the
 * pixels that exist, stretch the rows of an interlaced image over the missing ones, and leave the rest
 * transparent.
 */

import { colourTableBytes, type GifFrame, gifFrames } from './gif-frames.ts'
import { readLzw, writePlainLzw } from './gif-lzw.ts'

export interface RepairedGif {
  readonly bytes: Uint8Array
  /** Whether some of the pixels are missing. */
  readonly isPartial: boolean
}

/**
 * Returns a copy of the GIF with its first image encoded again. Undefined when that image is complete, or
 * when the file has none.
 */
export function repairGif(bytes: Uint8Array): RepairedGif | undefined {
  const [frame] = gifFrames(bytes).frames
  if (frame === undefined) return undefined
  const { width, height, data, codeBits } = frame
  const area = width * height
  if (area === 0 || area > MAX_PIXELS) return undefined
  const { pixels, isEnded } = readLzw(data, codeBits, area)
  if (pixels === 0 || (isEnded && pixels === area)) return undefined
  // The last run may extend past the end of the image.
  const coded = new Uint8Array(area + MAX_RUN)
  readLzw(data, codeBits, area, coded)
  const there = Math.min(pixels, area)
  const missing = there === area ? undefined : missingIndex(frame, coded.subarray(0, there))
  const shown = inRows(frame, coded.subarray(0, there), missing ?? 0)
  return { bytes: replaced(bytes, frame, shown, missing), isPartial: missing !== undefined }
}

/** The largest image that is repaired, in pixels. A larger one takes too long and is left to the decoder. */
export const MAX_PIXELS = 16 * 1024 * 1024
const MAX_RUN = 4096
const COLOURS = 256

/**
 * Returns a colour index for the missing pixels: the transparent one, or one that no pixel uses. When all are
 * in use, the pixels of the rarest colour get another colour to free its index.
 */
function missingIndex({ isTransparent, transparent }: GifFrame, pixels: Uint8Array): number {
  if (isTransparent) return transparent
  const counts = new Uint32Array(COLOURS)
  for (const pixel of pixels) counts[pixel] = (counts[pixel] ?? 0) + 1
  const rarest = counts.lastIndexOf(Math.min(...counts))
  for (const [at, pixel] of pixels.entries())
    if (pixel === rarest) pixels[at] = pixels[at - 1] ?? pixels.find((other) => other !== rarest) ?? 0
  return rarest
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
function inRows({ width, height, isInterlaced }: GifFrame, coded: Uint8Array, missing: number): Uint8Array {
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

const [INTERLACED_FLAG, TRANSPARENT_FLAG] = [0x40, 1]
const DESCRIPTOR_BYTES = 10
const CONTROL_BYTES = 8

function replaced(
  bytes: Uint8Array,
  frame: GifFrame,
  shown: Uint8Array,
  missing: number | undefined,
): Uint8Array {
  const { control, start, end } = frame
  const descriptor = Buffer.from(bytes.subarray(start, start + DESCRIPTOR_BYTES))
  const flags = descriptor[9] ?? 0
  descriptor[9] = flags & ~INTERLACED_FLAG
  const tableAt = start + DESCRIPTOR_BYTES
  const table = bytes.subarray(tableAt, tableAt + colourTableBytes(flags))
  const before =
    missing === undefined
      ? [bytes.subarray(0, start)]
      : control === undefined
        ? [bytes.subarray(0, start), controlOf([], missing)]
        : [
            bytes.subarray(0, control),
            controlOf([...bytes.subarray(control + 3, control + 6)], missing),
            bytes.subarray(control + CONTROL_BYTES, start),
          ]
  const rest = bytes.subarray(end)
  return Buffer.concat([
    ...before,
    ...[descriptor, table, writePlainLzw(shown)],
    rest.length === 0 ? TRAILER : rest,
  ])
}

const TRAILER = Uint8Array.of(0x3b)

function controlOf([flags = 0, low = 0, high = 0]: readonly number[], missing: number): Uint8Array {
  return Uint8Array.of(0x21, 0xf9, 4, flags | TRANSPARENT_FLAG, low, high, missing, 0)
}
