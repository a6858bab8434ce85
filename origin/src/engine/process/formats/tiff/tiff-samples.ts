/**
 * Detects TIFFs that Sharp's libtiff decodes wrongly without reporting an error: it returns black when it has
 * no decoder for the compression, and noise when libvips misreads the samples. Also estimates how many rows
 * the others need in memory.
 */

/**
 * Returns why a TIFF cannot be shown, according to its first directory. Undefined when it can be shown, or
 * when the directory cannot be read.
 */
export function unsupportedTiffReason(bytes: Uint8Array): string | undefined {
  const tags = firstDirectory(bytes)
  if (tags === undefined) return undefined
  const compression = tags.get(COMPRESSION) ?? 1
  if (!DECODED.has(compression)) return `compression ${compression}`
  const bits = tags.get(BITS_PER_SAMPLE) ?? 1
  const samples = tags.get(SAMPLES_PER_PIXEL) ?? 1
  const isFloat = tags.get(SAMPLE_FORMAT) === FLOAT
  if (isFloat ? samples < COLOURS : bits > MAX_INTEGER_BITS)
    return `${samples} samples of ${bits} bits${isFloat ? ' with an exponent' : ''}`
  return undefined
}

/** Whether a TIFF stores luma and chroma without subsampling, and not inside JPEG. */
export function isUnsubsampledYcc(bytes: Uint8Array): boolean {
  const tags = firstDirectory(bytes)
  return (
    tags?.get(PHOTOMETRIC) === LUMA &&
    tags.get(COMPRESSION) !== JPEG &&
    tags.get(BITS_PER_SAMPLE) === 8 &&
    // The first value is the horizontal subsampling. The vertical one is never larger (TIFF 6.0, section 21).
    tags.get(SUBSAMPLING) === 1
  )
}

/**
 * Returns whether the first sample behind the colours of a TIFF is declared as alpha, premultiplied or not.
 * Any other sample there has no declared meaning (TIFF 6.0, section 18).
 */
export function declaresAlpha(bytes: Uint8Array): boolean {
  const meaning = firstDirectory(bytes)?.get(EXTRA_SAMPLES)
  return meaning === 1 || meaning === 2
}

/**
 * Returns how many rows of a TIFF are decoded together, according to its first directory: those of a tile, or
 * those of a strip when each colour has its own. Other TIFFs are decoded row by row.
 */
export function rowsAtOnce(bytes: Uint8Array): number {
  const tags = firstDirectory(bytes)
  if (tags === undefined) return 1
  const isPlanar = tags.get(PLANAR_CONFIGURATION) === SEPARATE
  return tags.get(TILE_LENGTH) ?? (isPlanar ? (tags.get(ROWS_PER_STRIP) ?? Number.POSITIVE_INFINITY) : 1)
}

const [BITS_PER_SAMPLE, COMPRESSION, SAMPLES_PER_PIXEL, SAMPLE_FORMAT] = [258, 259, 277, 339]
const [ROWS_PER_STRIP, PLANAR_CONFIGURATION, TILE_LENGTH] = [278, 284, 323]
const [PHOTOMETRIC, EXTRA_SAMPLES, SUBSAMPLING] = [262, 338, 530]
const LUMA = 6
const JPEG = 7
const SEPARATE = 2
const FLOAT = 3
const COLOURS = 3
const MAX_INTEGER_BITS = 16
/**
 * The compressions that can be decoded: none, CCITT, LZW, JPEG, Deflate, PackBits, WebP, and those of old
 * cameras and scanners. JPEG of the old style (6), ZSTD (50000), LZMA, JPEG 2000, JPEG XL, PNG and LERC
 * cannot.
 */
const DECODED: ReadonlySet<number> = new Set([
  ...[1, 2, 3, 4, 5, 7, 8, 32766, 32771, 32773, 32809, 32908, 32909, 32946, 34676, 34677, 50001],
])

const ENTRY_BYTES = 12
const LARGE_ENTRY_BYTES = 20
const SHORT = 3

/** Returns the first value of each tag (TIFF 6.0, section 2; BigTIFF has 64-bit offsets). */
function firstDirectory(bytes: Uint8Array): ReadonlyMap<number, number> | undefined {
  if (bytes.length < 16) return undefined
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = file.getUint16(0) === LITTLE_ENDIAN
  const isLarge = file.getUint16(2, little) === BIG_TIFF
  const offset = (at: number) =>
    isLarge ? Number(file.getBigUint64(at, little)) : file.getUint32(at, little)
  const start = offset(isLarge ? 8 : 4)
  const [countBytes, entryBytes, inline] = isLarge ? [8, LARGE_ENTRY_BYTES, 8] : [2, ENTRY_BYTES, 4]
  if (start + countBytes > bytes.length) return undefined
  const count = isLarge ? Number(file.getBigUint64(start, little)) : file.getUint16(start, little)
  const tags = new Map<number, number>()
  for (let entry = 0, at = start + countBytes; entry < count && at + entryBytes <= bytes.length; entry += 1) {
    const isShort = file.getUint16(at + 2, little) === SHORT
    const valueBytes = (isShort ? 2 : 4) * offset(at + 4)
    const valueAt = valueBytes > inline ? offset(at + entryBytes - inline) : at + entryBytes - inline
    if (valueAt + 4 <= bytes.length)
      tags.set(
        file.getUint16(at, little),
        isShort ? file.getUint16(valueAt, little) : file.getUint32(valueAt, little),
      )
    at += entryBytes
  }
  return tags
}

const LITTLE_ENDIAN = 0x4949
const BIG_TIFF = 43
