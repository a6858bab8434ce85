export interface PngChunk {
  readonly id: string
  readonly data: Uint8Array
  /** Where the next chunk starts. */
  readonly end: number
}

const SIGNATURE_BYTES = 8
/** Length, type and checksum around the data. */
const FRAMING_BYTES = 12

/** Walks the chunks of a PNG (PNG specification, section 5.3); stops at the first that does not fit. */
export function* pngChunks(bytes: Uint8Array): Generator<PngChunk> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = SIGNATURE_BYTES
  while (at + FRAMING_BYTES <= buffer.length) {
    const end = at + FRAMING_BYTES + buffer.readUInt32BE(at)
    yield { id: buffer.toString('latin1', at + 4, at + 8), data: buffer.subarray(at + 8, end - 4), end }
    at = end
  }
}
