/**
 * Puts the index of an MP4 file before its media (ISO/IEC 14496-12, section 8.2), so that a player that has its first bytes
 * can begin. The muxer knows the index only at the end.
 */

/** Boxes on the way to the tables of offsets. */
const PARENTS: ReadonlySet<string> = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl'])
const HEADER_BYTES = 8

/** The same file with its index first; the file itself where it is so already, or is none. */
export function indexFirst(file: Buffer): Buffer {
  const boxes = boxesOf(file, 0, file.length)
  const index = boxes.find(({ type }) => type === 'moov')
  const media = boxes.find(({ type }) => type === 'mdat')
  if (index === undefined || media === undefined || index.start < media.start) return file
  const moov = Buffer.from(file.subarray(index.start, index.end))
  moveOffsets(moov, 0, moov.length, moov.length)
  const before = file.subarray(0, media.start)
  return Buffer.concat([before, moov, file.subarray(media.start, index.start), file.subarray(index.end)])
}

interface Box {
  readonly type: string
  readonly start: number
  readonly content: number
  readonly end: number
}

function boxesOf(file: Buffer, start: number, end: number): readonly Box[] {
  const boxes: Box[] = []
  for (let at = start; at + HEADER_BYTES <= end; ) {
    const declared = file.readUInt32BE(at)
    const isLarge = declared === 1 && at + 2 * HEADER_BYTES <= end
    const size = isLarge ? Number(file.readBigUInt64BE(at + HEADER_BYTES)) : declared
    if (size < HEADER_BYTES || at + size > end) break
    const content = at + (isLarge ? 2 * HEADER_BYTES : HEADER_BYTES)
    boxes.push({
      type: file.toString('latin1', at + 4, at + HEADER_BYTES),
      start: at,
      content,
      end: at + size,
    })
    at += size
  }
  return boxes
}

/** Adds to every offset in the tables `stco` and `co64` (section 8.7.5). */
function moveOffsets(moov: Buffer, start: number, end: number, by: number): void {
  for (const box of boxesOf(moov, start, end)) {
    if (PARENTS.has(box.type)) moveOffsets(moov, box.content, box.end, by)
    if (box.type !== 'stco' && box.type !== 'co64') continue
    const count = moov.readUInt32BE(box.content + 4)
    for (let entry = 0; entry < count; entry += 1) {
      if (box.type === 'stco') {
        const at = box.content + 8 + 4 * entry
        moov.writeUInt32BE(moov.readUInt32BE(at) + by, at)
      } else {
        const at = box.content + 8 + 8 * entry
        moov.writeBigUInt64BE(moov.readBigUInt64BE(at) + BigInt(by), at)
      }
    }
  }
}
