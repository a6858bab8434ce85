/**
 * Moves the index of an MP4 file before its media (ISO/IEC 14496-12, section 8.2), so that a player can start
 * with the first bytes. The muxer knows the index only at the end.
 */

import { type ByteSpan, boxesIn } from '../../../media/iso-boxes.ts'

/** The boxes on the path to the tables of offsets. */
const PARENTS: ReadonlySet<string> = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl'])

/**
 * Returns the file with its index first, or the same file when it already is, or when it has no index or
 * media.
 */
export function indexFirst(file: Buffer): Buffer {
  const boxes = [...boxesIn(file)]
  const index = boxes.find(({ type }) => type === 'moov')
  const media = boxes.find(({ type }) => type === 'mdat')
  if (index === undefined || media === undefined || index.start < media.start) return file
  const moov = Buffer.from(file.subarray(index.headerAt, index.end))
  moveOffsets(moov, { start: 0, end: moov.length }, moov.length)
  const before = file.subarray(0, media.headerAt)
  return Buffer.concat([
    before,
    moov,
    file.subarray(media.headerAt, index.headerAt),
    file.subarray(index.end),
  ])
}

/** Adds a number to every offset in the tables `stco` and `co64` (section 8.7.5). */
function moveOffsets(moov: Buffer, span: ByteSpan, by: number): void {
  for (const box of boxesIn(moov, span)) {
    if (PARENTS.has(box.type)) moveOffsets(moov, box, by)
    if (box.type !== 'stco' && box.type !== 'co64') continue
    const count = moov.readUInt32BE(box.start + 4)
    for (let entry = 0; entry < count; entry += 1) {
      if (box.type === 'stco') {
        const at = box.start + 8 + 4 * entry
        moov.writeUInt32BE(moov.readUInt32BE(at) + by, at)
      } else {
        const at = box.start + 8 + 8 * entry
        moov.writeBigUInt64BE(moov.readBigUInt64BE(at) + BigInt(by), at)
      }
    }
  }
}
