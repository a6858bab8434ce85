/**
 * Browsers show nothing where no frame of a GIF has painted, and where one was disposed of. libvips has it opaque, black
 * or in the background's colour, for frames without a transparent index: they get one that no pixel of theirs has.
 */

import { type GifFrame, type GifFrames, gifFrames } from './gif-frames.ts'

/** The same GIF with a transparent index where one is missing; undefined where none is. */
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

const TRANSPARENT_FLAG = 1
const CONTROL_BYTES = 8
const [TO_BACKGROUND, TO_PREVIOUS] = [2, 3]

/** Before the first frame there is nothing, which it may leave uncovered, or bring back. */
function mayUncover(gif: GifFrames, frame: GifFrame, isFirst: boolean): boolean {
  if (frame.disposal === TO_BACKGROUND) return true
  const { left, top, width, height } = frame
  const covers = left === 0 && top === 0 && width >= gif.width && height >= gif.height
  return isFirst && (!covers || frame.disposal === TO_PREVIOUS)
}

const COLOURS = 256
/** Of all colours of a larger picture each one is used. */
const MAX_DATA_BYTES = 4 * 1024 * 1024
const MAX_CODE_BITS = 12

/**
 * A colour that the coded pixels do not have. In LZW (GIF89a, appendix F) the first pixel of each colour is coded as
 * itself, so nothing has to be decoded to know which there are.
 */
function unusedIndex({ codeBits, data }: GifFrame): number | undefined {
  if (codeBits < 8) return COLOURS - 1
  if (data.length > MAX_DATA_BYTES || codeBits > 8) return undefined
  const used = new Uint8Array(COLOURS)
  const clear = 1 << codeBits
  let [bits, next, held, buffer] = [codeBits + 1, clear + 1, 0, 0]
  for (const byte of data) {
    buffer |= byte << held
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
      // Each code but the first after a clear adds one to the table.
      if (next < 1 << MAX_CODE_BITS) next += 1
      if (next === 1 << bits && bits < MAX_CODE_BITS) bits += 1
    }
  }
  const unused = used.lastIndexOf(0)
  return unused < 0 ? undefined : unused
}
