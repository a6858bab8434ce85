import { crc32 } from 'node:zlib'
import { pngChunks } from './png-chunks.ts'

/** The chunks with texts. */
export const TEXTS: ReadonlySet<string> = new Set(['tEXt', 'zTXt', 'iTXt'])
/** An ancillary, private chunk type, which every decoder ignores. */
const IGNORED = Buffer.from('teXt', 'latin1')

/** A bit of the first byte of a chunk type. Without it, the chunk is critical. */
const ANCILLARY = 0x20
/** Four letters, of which the third is upper-case (PNG specification, section 5.4). */
const VALID_TYPE = /^[A-Za-z]{2}[A-Z][A-Za-z]$/

/** Whether a chunk is one that browsers ignore but libpng rejects for its name. */
export function isInvalidAncillary(id: string): boolean {
  return (id.charCodeAt(0) & ANCILLARY) !== 0 && !VALID_TYPE.test(id)
}

/** Turns chunks into ones that every decoder ignores. Modifies `bytes`. */
export function hideChunks(bytes: Uint8Array, isHidden: (id: string) => boolean): void {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const { id, data, end } of pngChunks(bytes)) {
    if (end > file.length) return
    if (!isHidden(id)) continue
    const typeAt = data.byteOffset - bytes.byteOffset - IGNORED.length
    IGNORED.copy(file, typeAt)
    file.writeUInt32BE(crc32(file.subarray(typeAt, end - 4)), end - 4)
  }
}
