import { crc32, inflateSync } from 'node:zlib'

export interface PngChunk {
  readonly id: string
  readonly data: Uint8Array
  /** The offset of the next chunk. */
  readonly end: number
}

const SIGNATURE_BYTES = 8
/** The bytes of length, type and checksum around the data. */
const FRAMING_BYTES = 12

/**
 * Iterates over the chunks of a PNG (PNG specification, section 5.3). The last one may extend past the end of
 * a truncated file.
 */
export function* pngChunks(bytes: Uint8Array): Generator<PngChunk> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = SIGNATURE_BYTES
  while (at + FRAMING_BYTES <= buffer.length) {
    const end = at + FRAMING_BYTES + buffer.readUInt32BE(at)
    yield { id: buffer.toString('latin1', at + 4, at + 8), data: buffer.subarray(at + 8, end - 4), end }
    at = end
  }
}

/** Whether a chunk is complete and its checksum correct. */
export function hasRightChecksum({ data, end }: PngChunk, bytes: Uint8Array): boolean {
  if (end > bytes.length) return false
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return crc32(file.subarray(end - data.length - 8, end - 4)) === file.readUInt32BE(end - 4)
}

/** The eight bytes at the start of every PNG. */
export const PNG_SIGNATURE: Uint8Array = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

/** Encodes a chunk: length, type, data, and a checksum over type and data. */
export function encodePngChunk(id: string, ...data: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat([Buffer.from(id, 'latin1'), ...data])
  const framed = Buffer.allocUnsafe(body.length + 8)
  framed.writeUInt32BE(body.length - 4, 0)
  framed.set(body, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

/**
 * Decompresses the profile of an `iCCP` chunk, which follows its name and compression method. Undefined when
 * it cannot be decompressed, or not to at most `maxBytes`.
 */
export function unpackProfile(data: Uint8Array, maxBytes: number): Buffer | undefined {
  const nameEnd = data.indexOf(0)
  if (nameEnd < 0) return undefined
  try {
    return inflateSync(data.subarray(nameEnd + 2), { maxOutputLength: maxBytes })
  } catch {
    return undefined
  }
}
