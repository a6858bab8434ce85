/** Identifies TIFF, and the raw files of cameras that are built like it. */

/**
 * Whether bytes have the header of a TIFF. Its directory may be at its end, where many writers place
 * it.
 */
export const isTiff = (bytes: Uint8Array): boolean => {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 0, 10)
  return (head.startsWith('II*\0') || head.startsWith('MM\0*')) && head.slice(8) !== 'CR'
}

/**
 * Whether a TIFF is the raw file of a camera (NEF, SRW, ERF, 3FR and the like, ISO 12234-2): its
 * first image is only a small preview, and the photograph is in another directory, in a coding of its own.
 */
export const isCameraRaw = (bytes: Uint8Array): boolean => {
  const tags = firstDirectory(bytes)
  return ((tags.get(NEW_SUBFILE_TYPE) ?? 0) & REDUCED_IMAGE) !== 0 && tags.has(SUB_DIRECTORIES)
}

const NEW_SUBFILE_TYPE = 254
const REDUCED_IMAGE = 1
const SUB_DIRECTORIES = 330
const ENTRY_BYTES = 12

/** Returns the values of the first directory by tag, as far as the bytes go. Values are read as 32 bits. */
const firstDirectory = (bytes: Uint8Array): ReadonlyMap<number, number> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tags = new Map<number, number>()
  if (bytes.length < 8) return tags
  const isLittle = bytes[0] === 0x49
  const start = view.getUint32(4, isLittle)
  if (start + 2 > bytes.length) return tags
  const entries = view.getUint16(start, isLittle)
  for (let entry = 0; entry < entries; entry += 1) {
    const at = start + 2 + entry * ENTRY_BYTES
    if (at + ENTRY_BYTES > bytes.length) break
    tags.set(view.getUint16(at, isLittle), view.getUint32(at + 8, isLittle))
  }
  return tags
}
