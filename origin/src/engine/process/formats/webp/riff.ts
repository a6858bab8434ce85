/** Reads the chunks of a RIFF file, as used by WebP (RFC 9649, section 2.3). */

export interface RiffChunk {
  readonly id: string
  readonly data: Uint8Array
}

/**
 * Iterates over the chunks after a header of `start` bytes. The last one may be cut off at the end of the
 * file.
 */
export function* riffChunks(bytes: Uint8Array, start: number): Generator<RiffChunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = start
  while (at + 8 <= bytes.length) {
    const size = view.getUint32(at + 4, true)
    const id = String.fromCharCode(...bytes.subarray(at, at + 4))
    yield { id, data: bytes.subarray(at + 8, at + 8 + size) }
    at += 8 + size + (size % 2)
  }
}

/** The bytes before the first chunk of a WebP: `RIFF`, the size, `WEBP`. */
export const WEBP_HEADER_BYTES = 12
/** The bytes of an animation frame's own header, before its chunks. */
export const WEBP_FRAME_HEADER_BYTES = 16
