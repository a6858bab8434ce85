const ENTRY_BYTES = 12
const LARGE_ENTRY_BYTES = 20

/**
 * Ends the chain of directories after the first one (TIFF 6.0, section 2; BigTIFF has 64-bit offsets).
 * Modifies `bytes`.
 */
export function hidePages(bytes: Uint8Array): void {
  if (bytes.length < 16) return
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = file.getUint16(0) === LITTLE_ENDIAN
  const isLarge = file.getUint16(2, little) === BIG_TIFF
  const directory = isLarge ? Number(file.getBigUint64(8, little)) : file.getUint32(4, little)
  const countBytes = isLarge ? 8 : 2
  if (directory + countBytes > bytes.length) return
  const entries = isLarge ? Number(file.getBigUint64(directory, little)) : file.getUint16(directory, little)
  const next = directory + countBytes + entries * (isLarge ? LARGE_ENTRY_BYTES : ENTRY_BYTES)
  const nextBytes = isLarge ? 8 : 4
  if (next + nextBytes <= bytes.length) bytes.fill(0, next, next + nextBytes)
}

const LITTLE_ENDIAN = 0x4949
const BIG_TIFF = 43
