/**
 * Browsers show nothing where no frame of a GIF has painted, and where a frame was disposed of. For frames
 * without a transparent index, libvips makes these areas opaque, in black or in the background colour. This
 * file gives such frames a transparent index that none of their pixels uses. `repairGif` frees an index of
 * the first frame if its pixels use all.
 */

import { type GifFrame, type GifFrames, gifFrames } from './gif-frames.ts'

/**
 * Returns a copy of the GIF in which frames without a transparent index have one. Undefined when none needs
 * one.
 */
export function withTransparency(bytes: Uint8Array): Uint8Array | undefined {
  const gif = gifFrames(bytes)
  const parts: Uint8Array[] = []
  let at = 0
  let isFirst = true
  for (const frame of gif.frames) {
    const isSkipped = frame.isTransparent || !mayUncover(gif, frame, isFirst)
    isFirst = false
    if (isSkipped) continue
    const unused = unusedIndex(frame)
    if (unused === undefined) continue
    const { control = frame.start } = frame
    const [flags = 0, low = 0, high = 0] =
      frame.control === undefined ? [] : bytes.subarray(control + 3, control + 6)
    parts.push(
      bytes.subarray(at, control),
      Uint8Array.of(0x21, 0xf9, 4, flags | TRANSPARENT_FLAG, low, high, unused, 0),
    )
    at = frame.control === undefined ? control : control + CONTROL_BYTES
  }
  return parts.length === 0 ? undefined : Buffer.concat([...parts, bytes.subarray(at)])
}

/** Whether the first frame needs a transparent index, and its pixels use all of them. */
export function lacksTransparentIndex(gif: GifFrames, first: GifFrame): boolean {
  return !first.isTransparent && mayUncover(gif, first, true) && unusedIndex(first) === undefined
}

const TRANSPARENT_FLAG = 1
const CONTROL_BYTES = 8
const [TO_BACKGROUND, TO_PREVIOUS] = [2, 3]

/**
 * Returns whether showing the frame can leave an area unpainted. Before the first frame the canvas is empty,
 * so that frame may leave part of it uncovered, or restore it.
 */
function mayUncover(gif: GifFrames, frame: GifFrame, isFirst: boolean): boolean {
  if (frame.disposal === TO_BACKGROUND) return true
  const { left, top, width, height } = frame
  const covers = left === 0 && top === 0 && width >= gif.width && height >= gif.height
  return isFirst && (!covers || frame.disposal === TO_PREVIOUS)
}

const COLOURS = 256
/** Larger coded data are not searched for an unused colour: an image of that size uses all of them. */
const MAX_DATA_BYTES = 4 * 1024 * 1024
const MAX_CODE_BITS = 12

/**
 * Returns a colour index that the coded pixels do not use. In LZW (GIF89a, appendix F) the first pixel of
 * each colour is coded as itself, so the indices in use can be found without decoding.
 */
function unusedIndex({ codeBits, data }: GifFrame): number | undefined {
  if (codeBits < 8) return COLOURS - 1
  if (data.length > MAX_DATA_BYTES || codeBits > 8) return undefined
  const used = new Uint8Array(COLOURS)
  const clear = 1 << codeBits
  let [bits, next, held, buffer] = [codeBits + 1, clear + 1, 0, 0]
  // By index: before V8 optimises a loop, an iterator allocates an object for each byte.
  for (let index = 0; index < data.length; index += 1) {
    buffer |= (data[index] ?? 0) << held
    held += 8
    while (held >= bits) {
      const code = buffer & ((1 << bits) - 1)
      buffer >>>= bits
      held -= bits
      if (code === clear) {
        bits = codeBits + 1
        next = clear + 1
        continue
      }
      if (code === clear + 1) break
      if (code < clear) used[code] = 1
      // Each code except the first after a clear code adds an entry to the table.
      if (next < 1 << MAX_CODE_BITS) next += 1
      if (next === 1 << bits && bits < MAX_CODE_BITS) bits += 1
    }
  }
  const unused = used.lastIndexOf(0)
  return unused < 0 ? undefined : unused
}
