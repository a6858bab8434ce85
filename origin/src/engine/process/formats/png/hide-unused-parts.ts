/**
 * Hides the parts of a file that are not shown but that decoders open all the same: the texts of a PNG, which
 * may be compressed a thousandfold, and the further pages of a TIFF, of which there may be as many as there
 * are bytes. The bytes are modified in place, because callers have no other use for them.
 */

import { crc32 } from 'node:zlib'
import type { ImageFormat as SourceFormat } from '../../../../media/kinds.ts'
import { pngChunks } from './png-chunks.ts'

/** Leaves only the image in a file that is about to be decoded. Modifies `bytes`. */
export function hideUnusedParts(bytes: Uint8Array, format: SourceFormat): void {
  if (format === 'png') hideTexts(bytes)
  if (format === 'tiff') hidePages(bytes)
}

const TEXTS: ReadonlySet<string> = new Set(['tEXt', 'zTXt', 'iTXt'])
/** An ancillary, private chunk type, which every decoder ignores. */
const IGNORED = Buffer.from('teXt', 'latin1')

function hideTexts(bytes: Uint8Array): void {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const { id, data, end } of pngChunks(bytes)) {
    if (end > file.length) return
    if (!TEXTS.has(id)) continue
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
