/** Makes libnsgif show GIFs with missing or undefined fields as browsers do. */

import { gifFrames } from './gif-frames.ts'

/**
 * Returns a copy of the GIF in which disposal method 4 is replaced by 3, as old encoders meant it, and a
 * missing global colour table is replaced by a black one. Undefined when neither applies.
 */
export function normalizeGif(bytes: Uint8Array): Uint8Array | undefined {
  let isEmpty = true
  let file: Buffer | undefined
  for (const { disposal, control } of gifFrames(bytes).frames) {
    isEmpty = false
    if (disposal !== ALSO_TO_PREVIOUS || control === undefined) continue
    file ??= Buffer.from(bytes)
    file[control + 3] = ((file[control + 3] ?? 0) & ~DISPOSAL_MASK) | TO_PREVIOUS_FLAGS
  }
  const hasColours = ((bytes[FLAGS_AT] ?? 0) & TABLE_FLAG) !== 0
  if (isEmpty || hasColours) return file
  file ??= Buffer.from(bytes)
  file[FLAGS_AT] = (file[FLAGS_AT] ?? 0) | TABLE_FLAG | LARGEST_TABLE
  return Buffer.concat([
    file.subarray(0, HEADER_BYTES),
    Buffer.alloc(TABLE_BYTES),
    file.subarray(HEADER_BYTES),
  ])
}

const ALSO_TO_PREVIOUS = 4
const [DISPOSAL_MASK, TO_PREVIOUS_FLAGS] = [0x1c, 3 << 2]
const [HEADER_BYTES, FLAGS_AT, TABLE_FLAG, LARGEST_TABLE] = [13, 10, 0x80, 7]
const TABLE_BYTES = 3 * 256
