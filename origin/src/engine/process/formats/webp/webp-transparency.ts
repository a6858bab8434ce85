/**
 * The flag of a WebP that tells of transparency (RFC 9649, section 2.7.1.1). What adds metadata to a file may leave it out
 * (ExifTool does); browsers then go by the pictures inside, and libvips by the flag. libwebp cuts the frames of an animation down to
 * what is seen of them, and leaves the flag out where none of them has alpha itself: readers that go by it, such as Pillow,
 * show what no frame covers as black.
 */

import { riffChunks, WEBP_FRAME_HEADER_BYTES, WEBP_HEADER_BYTES } from './riff.ts'

const ALPHA_FLAG = 0x10
const DISPOSES_FLAG = 1
const CANVAS_SIZE_AT = 4
const FRAME_SIZE_AT = 6
/** Two sides of 24 bits. */
const SIZE_BYTES = 6
const FRAME_FLAGS_AT = 15

/**
 * The same WebP with the flag, where a picture without loss, or a frame, has alpha that it does not tell of. A still with
 * loss has none without the flag. Undefined where there is nothing to tell.
 */
export function withTransparencyFlag(bytes: Uint8Array): Uint8Array | undefined {
  let flagsAt: number | undefined
  for (const { id, data } of riffChunks(bytes, WEBP_HEADER_BYTES)) {
    if (id === 'VP8X') flagsAt ??= data.byteOffset - bytes.byteOffset
    if (flagsAt === undefined || ((bytes[flagsAt] ?? 0) & ALPHA_FLAG) !== 0) return undefined
    if (!(id === 'ANMF' ? hasAlpha(data) : isLosslessAlpha(id, data))) continue
    const told = Buffer.from(bytes)
    told[flagsAt] = (bytes[flagsAt] ?? 0) | ALPHA_FLAG
    return told
  }
  return undefined
}

function hasAlpha(frame: Uint8Array): boolean {
  for (const { id, data } of riffChunks(frame, WEBP_FRAME_HEADER_BYTES))
    if (id === 'ALPH' || isLosslessAlpha(id, data)) return true
  return false
}

/** Behind a byte of signature and two sides of 14 bits (RFC 9649, section 3.4). */
const [LOSSLESS_ALPHA_AT, LOSSLESS_ALPHA] = [4, 0x10]

function isLosslessAlpha(id: string, data: Uint8Array): boolean {
  return id === 'VP8L' && ((data[LOSSLESS_ALPHA_AT] ?? 0) & LOSSLESS_ALPHA) !== 0
}

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
