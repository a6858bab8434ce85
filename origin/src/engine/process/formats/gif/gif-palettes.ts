/** The colour tables of a GIF, compared with the indices of its pixels. */

import { colourTableBytes, gifFrames } from './gif-frames.ts'

/**
 * Returns a copy of the GIF whose colour tables have an entry for each index that the coded pixels can have.
 * Browsers show the indices that a table lacks in black; libnsgif shows nothing, or a colour of the table of
 * another frame. Undefined when all tables are complete. A missing table stays missing.
 */
export function withWholePalettes(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = []
  let at = 0
  let shared = 0
  const widen = (flagsAt: number, tableAt: number, codeBits: number) => {
    const flags = bytes[flagsAt] ?? 0
    const there = colourTableBytes(flags)
    const bits = Math.min(MAX_BITS, codeBits)
    const missing = 3 * 2 ** bits - there
    if (there === 0 || missing <= 0) return
    parts.push(
      bytes.subarray(at, flagsAt),
      Uint8Array.of((flags & ~SIZE_MASK) | (bits - 1)),
      bytes.subarray(flagsAt + 1, tableAt + there),
      new Uint8Array(missing),
    )
    at = tableAt + there
  }
  for (const { hasOwnPalette, codeBits } of gifFrames(bytes).frames)
    if (!hasOwnPalette) shared = Math.max(shared, codeBits)
  widen(FLAGS_AT, HEADER_BYTES, shared)
  for (const { hasOwnPalette, codeBits, start } of gifFrames(bytes).frames)
    if (hasOwnPalette) widen(start + DESCRIPTOR_BYTES - 1, start + DESCRIPTOR_BYTES, codeBits)
  return parts.length === 0 ? undefined : Buffer.concat([...parts, bytes.subarray(at)])
}

const MAX_BITS = 8
const SIZE_MASK = 7
const [HEADER_BYTES, FLAGS_AT, DESCRIPTOR_BYTES] = [13, 10, 10]
