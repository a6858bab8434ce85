/**
 * Corrects the flag of a WebP that declares transparency (RFC 9649, section 2.7.1.1). Programs that add
 * metadata to a file may leave it out (ExifTool does); browsers then go by the image data, and libvips by the
 * flag. libwebp crops the frames of an animation to their visible part, and leaves the flag out when no frame
 * has alpha itself. Readers that go by the flag, such as Pillow, show the areas that no frame covers as
 * black.
 */

import { riffChunks, WEBP_FRAME_HEADER_BYTES, WEBP_HEADER_BYTES } from './riff.ts'

const ALPHA_FLAG = 0x10
const DISPOSES_FLAG = 1
const CANVAS_SIZE_AT = 4
const FRAME_SIZE_AT = 6
/** The bytes of two sides of 24 bits each. */
const SIZE_BYTES = 6
const FRAME_FLAGS_AT = 15

/**
 * Returns a copy of the WebP with the flag set when a lossless image, or a frame, has alpha that the header
 * does not declare. A lossy still has no alpha without the flag. Undefined when the flag need not be set.
 */
export function withTransparencyFlag(bytes: Uint8Array): Uint8Array | undefined {
  let flagsAt: number | undefined
  for (const { id, data } of riffChunks(bytes, WEBP_HEADER_BYTES)) {
    if (id === 'VP8X') flagsAt ??= data.byteOffset - bytes.byteOffset
    if (flagsAt === undefined || ((bytes[flagsAt] ?? 0) & ALPHA_FLAG) !== 0) return undefined
    if (!(id === 'ANMF' ? hasAlpha(data) : isLosslessAlpha(id, data))) continue
    const flagged = Buffer.from(bytes)
    flagged[flagsAt] = (bytes[flagsAt] ?? 0) | ALPHA_FLAG
    return flagged
  }
  return undefined
}

function hasAlpha(frame: Uint8Array): boolean {
  for (const { id, data } of riffChunks(frame, WEBP_FRAME_HEADER_BYTES))
    if (id === 'ALPH' || isLosslessAlpha(id, data)) return true
  return false
}

/** The alpha bit follows a signature byte and two sides of 14 bits each (RFC 9649, section 3.4). */
const [LOSSLESS_ALPHA_AT, LOSSLESS_ALPHA] = [4, 0x10]

function isLosslessAlpha(id: string, data: Uint8Array): boolean {
  return id === 'VP8L' && ((data[LOSSLESS_ALPHA_AT] ?? 0) & LOSSLESS_ALPHA) !== 0
}

/** Sets the flag in place when a part of an animation's canvas may be uncovered. */
export function setTransparencyFlag(webp: Buffer): Buffer {
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
