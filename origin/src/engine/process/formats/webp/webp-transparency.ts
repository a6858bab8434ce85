/**
 * The flag of a WebP that tells of transparency (RFC 9649, section 2.7.1.1). libwebp cuts the frames of an animation down to
 * what is seen of them, and leaves the flag out where none of them has alpha itself: readers that go by it, such as Pillow,
 * show what no frame covers as black.
 */

import { riffChunks, WEBP_HEADER_BYTES } from './riff.ts'

const ALPHA_FLAG = 0x10
const DISPOSES_FLAG = 1
const CANVAS_SIZE_AT = 4
const FRAME_SIZE_AT = 6
/** Two sides of 24 bits. */
const SIZE_BYTES = 6
const FRAME_FLAGS_AT = 15

/** Sets the flag, in place, where a part of the canvas of an animation may be uncovered. */
export function tellTransparency(webp: Buffer): Buffer {
  let header: Uint8Array | undefined
  let isFirst = true
  for (const { id, data } of riffChunks(webp, WEBP_HEADER_BYTES)) {
    if (id === 'VP8X') header = data
    if (header === undefined) return webp
    if (id !== 'ANMF') continue
    const covers = isFirst ? sizeAt(data, FRAME_SIZE_AT).equals(sizeAt(header, CANVAS_SIZE_AT)) : true
    const disposes = ((data[FRAME_FLAGS_AT] ?? 0) & DISPOSES_FLAG) !== 0
    if (!covers || disposes) header[0] = (header[0] ?? 0) | ALPHA_FLAG
    isFirst = false
  }
  return webp
}

function sizeAt(chunk: Uint8Array, at: number): Buffer {
  return Buffer.from(chunk.subarray(at, at + SIZE_BYTES))
}
