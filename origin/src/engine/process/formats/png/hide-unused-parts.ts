/**
 * Hides the parts of a file that are not shown but that decoders open all the same: the texts of a PNG, which
 * may be compressed a thousandfold, its ancillary chunks with invalid names, and the further pages of a TIFF,
 * of which there may be as many as there are bytes. The bytes are modified in place, because callers have no
 * other use for them.
 */

import { crc32 } from 'node:zlib'
import type { ImageFormat as SourceFormat } from '../../../../media/kinds.ts'
import { pngChunks } from './png-chunks.ts'

/** Leaves only the image in a file that is about to be decoded. Modifies `bytes`. */
export function hideUnusedParts(bytes: Uint8Array, format: SourceFormat): void {
  if (format === 'png') hideChunks(bytes, (id) => TEXTS.has(id) || isInvalidAncillary(id))
  if (format === 'tiff') hidePages(bytes)
}

/** Hides only what makes decoders reject a file that browsers show. Modifies `bytes`. */
export function hideInvalidParts(bytes: Uint8Array, format: SourceFormat): void {
  if (format === 'png') hideChunks(bytes, isInvalidAncillary)
}

const TEXTS: ReadonlySet<string> = new Set(['tEXt', 'zTXt', 'iTXt'])
/** An ancillary, private chunk type, which every decoder ignores. */
const IGNORED = Buffer.from('teXt', 'latin1')

/** A bit of the first byte of a chunk type. Without it, the chunk is critical. */
const ANCILLARY = 0x20
/** Four letters, of which the third is upper-case (PNG specification, section 5.4). */
const VALID_TYPE = /^[A-Za-z]{2}[A-Z][A-Za-z]$/

/** Whether a chunk is one that browsers ignore but libpng rejects for its name. */
function isInvalidAncillary(id: string): boolean {
  return (id.charCodeAt(0) & ANCILLARY) !== 0 && !VALID_TYPE.test(id)
}

function hideChunks(bytes: Uint8Array, isHidden: (id: string) => boolean): void {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const { id, data, end } of pngChunks(bytes)) {
    if (end > file.length) return
    if (!isHidden(id)) continue
    const typeAt = data.byteOffset - bytes.byteOffset - IGNORED.length
    IGNORED.copy(file, typeAt)
    file.writeUInt32BE(crc32(file.subarray(typeAt, end - 4)), end - 4)
  }
}

const ENTRY_BYTES = 12
const LARGE_ENTRY_BYTES = 20

/** Ends the chain of directories after the first one (TIFF 6.0, section 2; BigTIFF has 64-bit offsets). */
function hidePages(bytes: Uint8Array): void {
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
