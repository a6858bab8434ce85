/** A minimal PNG encoder for a thousand pixels, where compression would save less than its code costs. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]
/** The rest of the header: eight bits per channel, RGBA, and the only defined methods. */
const RGBA_8_BIT = [8, 6, 0, 0, 0]
/** The zlib header for a window of 32 KiB. One stored deflate block follows (RFC 1950, RFC 1951). */
const ZLIB_HEADER = [0x78, 0x01]
const MAX_STORED_BYTES = 0xffff

/**
 * Encodes RGBA pixels as PNG. Throws a `RangeError` when the pixels and one byte per row exceed 65,535 bytes.
 */
export function encodePng(width: number, height: number, rgba: Uint8Array): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(height * (1 + width * 4))
  for (let y = 0; y < height; y += 1) {
    rows.set(rgba.subarray(y * width * 4, (y + 1) * width * 4), y * (1 + width * 4) + 1)
  }
  if (rows.length > MAX_STORED_BYTES) throw new RangeError('too many pixels')
  const length = [rows.length & 255, rows.length >> 8]
  const stored = [1, ...length, ...length.map((byte) => byte ^ 255)]
  return Uint8Array.from([
    ...SIGNATURE,
    ...chunk('IHDR', [...uint32(width), ...uint32(height), ...RGBA_8_BIT]),
    ...chunk('IDAT', [...ZLIB_HEADER, ...stored, ...rows, ...uint32(adler32(rows))]),
    ...chunk('IEND', []),
  ])
}

function chunk(id: string, data: readonly number[]): readonly number[] {
  const content = [...Array.from(id, (letter) => letter.charCodeAt(0)), ...data]
  return [...uint32(data.length), ...content, ...uint32(crc32(content))]
}

function uint32(value: number): readonly number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}

function crc32(bytes: readonly number[]): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

function adler32(bytes: Uint8Array): number {
  let a = 1
  let b = 0
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return ((b << 16) | a) >>> 0
}
