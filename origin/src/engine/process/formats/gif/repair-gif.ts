/**
 * Repairs a GIF whose first image is truncated or corrupt, or leaves no colour index for transparency.
 * libnsgif rejects corrupt data, loses the last run of data without an end code, and leaves gaps between the
 * rows of interlaced images. Browsers show the pixels that exist, stretch the rows of an interlaced image
 * over the missing ones, and leave the rest transparent.
 */

import { freeBuffer } from '../../../../streams/free-buffer.ts'
import { colourTableOf, type GifFrame, gifFrames } from './gif-frames.ts'
import { inRows, plainFrame } from './gif-interlace.ts'
import { MAX_RUN, readLzw } from './gif-lzw.ts'
import { lacksTransparentIndex } from './gif-transparency.ts'

export interface RepairedGif {
  readonly bytes: Uint8Array
  /** Whether some of the pixels are missing. */
  readonly isPartial: boolean
}

/**
 * Returns a copy of the GIF with its first image encoded again. Undefined when that image is complete and no
 * index has to be freed, or when the file has none.
 */
export function repairGif(bytes: Uint8Array): RepairedGif | undefined {
  const gif = gifFrames(bytes)
  const [frame] = gif.frames
  if (frame === undefined) return undefined
  const { width, height, data, codeBits } = frame
  const area = width * height
  if (area === 0 || area > MAX_PIXELS) return undefined
  const { pixels, isEnded } = readLzw(data, codeBits, area)
  const needsIndex = lacksTransparentIndex(gif, frame)
  if (pixels === 0 || (isEnded && pixels === area && !needsIndex)) return undefined
  // The last run may extend past the end of the image.
  const coded = new Uint8Array(area + MAX_RUN)
  readLzw(data, codeBits, area, coded)
  const there = Math.min(pixels, area)
  const isPartial = there < area
  const missing =
    isPartial || needsIndex
      ? missingIndex(frame, coded.subarray(0, there), colourTableOf(bytes, frame))
      : undefined
  const shown = inRows(frame, coded.subarray(0, there), missing ?? 0)
  freeBuffer(coded)
  const repaired = replaced(bytes, frame, shown, missing)
  freeBuffer(shown)
  return { bytes: repaired, isPartial }
}

/** The largest image that is repaired, in pixels. A larger one takes too long and is left to the decoder. */
export const MAX_PIXELS = 16 * 1024 * 1024
const COLOURS = 256

/**
 * Returns a colour index for the missing pixels: the transparent one, or one that no pixel uses. When all are
 * in use, the pixels of one colour get the nearest other colour to free its index.
 */
function missingIndex(
  { isTransparent, transparent }: GifFrame,
  pixels: Uint8Array,
  colours: Uint8Array,
): number {
  if (isTransparent) return transparent
  const counts = new Uint32Array(COLOURS)
  // By index: before V8 optimises a loop, an iterator allocates an object for each pixel.
  for (let at = 0; at < pixels.length; at += 1) {
    const pixel = pixels[at] ?? 0
    counts[pixel] = (counts[pixel] ?? 0) + 1
  }
  const unused = counts.lastIndexOf(0)
  if (unused >= 0) return unused
  const { index, nearest } = leastVisible(counts, colours)
  for (let at = 0; at < pixels.length; at += 1) if (pixels[at] === index) pixels[at] = nearest
  return index
}

/** Returns the colour whose replacement by its nearest other colour changes the pixels least. */
function leastVisible(
  counts: Uint32Array,
  colours: Uint8Array,
): { readonly index: number; readonly nearest: number } {
  let [index, nearest, least] = [0, 0, Number.POSITIVE_INFINITY]
  for (let one = 0; one < COLOURS; one += 1)
    for (let other = 0; other < COLOURS; other += 1) {
      const change = (counts[one] ?? 0) * distance(colours, one, other)
      if (one !== other && change < least) [index, nearest, least] = [one, other, change]
    }
  return { index, nearest }
}

/** Returns the squared distance of two colours of a table. Colours that the table lacks are black. */
function distance(colours: Uint8Array, one: number, other: number): number {
  let sum = 0
  for (let channel = 0; channel < 3; channel += 1)
    sum += ((colours[one * 3 + channel] ?? 0) - (colours[other * 3 + channel] ?? 0)) ** 2
  return sum
}

const TRANSPARENT_FLAG = 1
const CONTROL_BYTES = 8

function replaced(
  bytes: Uint8Array,
  frame: GifFrame,
  shown: Uint8Array,
  missing: number | undefined,
): Uint8Array {
  const { control, start, end } = frame
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
  const { head, data } = plainFrame(bytes, frame, shown)
  const whole = Buffer.concat([...before, ...head, data, rest.length === 0 ? TRAILER : rest])
  freeBuffer(data)
  return whole
}

const TRAILER = Uint8Array.of(0x3b)

function controlOf([flags = 0, low = 0, high = 0]: readonly number[], missing: number): Uint8Array {
  return Uint8Array.of(0x21, 0xf9, 4, flags | TRANSPARENT_FLAG, low, high, missing, 0)
}
