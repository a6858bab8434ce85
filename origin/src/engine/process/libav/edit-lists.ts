/**
 * The edit lists of a film in the ISO base media container (ISO/IEC 14496-12, section 8.6.6), looked at before libav is: it
 * makes an index of its own of each edit, which takes minutes where a file has thousands, and cannot be searched where there
 * are several.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'

export interface IsoBytes {
  readonly sizeBytes: number
  /** The bytes from `start` up to `end`, or more of them; both lie inside the file. */
  read(start: number, end: number): Uint8Array | Failure
}

/** How many edits show something in the track that has most of them. Fails as the bytes do. */
export function mostEdits(file: IsoBytes): number | Failure {
  const walk: Walk = { file, left: MOST_BOXES, most: 0 }
  return look(walk, { start: 0, end: file.sizeBytes }, ['moov', 'trak', 'edts', 'elst']) ?? walk.most
}

/** Headers that are read; what has more of them is left to libav. */
const MOST_BOXES = 2000
const HEADER_BYTES = 8
const LARGE_HEADER_BYTES = 16
/** What stands before the entries of a list: its version, its flags and their number. */
const LIST_HEAD_BYTES = 8
/** Of that many entries it is looked whether they are empty. */
const JUDGED_ENTRIES = 1000
const EMPTY = -1

interface Walk {
  readonly file: IsoBytes
  left: number
  most: number
}

interface Range {
  readonly start: number
  readonly end: number
}

/** Goes through the boxes of a kind inside a range, and through those of the next kinds inside of them. */
function look(
  walk: Walk,
  { start, end }: Range,
  [wanted, ...inside]: readonly string[],
): Failure | undefined {
  for (let at = start; at + HEADER_BYTES <= end && walk.left > 0; ) {
    walk.left -= 1
    const head = viewOf(walk.file, { start: at, end: Math.min(end, at + LARGE_HEADER_BYTES) })
    if (isFailure(head)) return head
    const declared = head.getUint32(0)
    const isLarge = declared === 1 && head.byteLength >= LARGE_HEADER_BYTES
    const size = isLarge ? Number(head.getBigUint64(HEADER_BYTES)) : declared
    const boxEnd = declared === 0 ? end : at + size
    const headerBytes = isLarge ? LARGE_HEADER_BYTES : HEADER_BYTES
    if (boxEnd < at + headerBytes) return undefined
    const type = String.fromCharCode(...[4, 5, 6, 7].map((offset) => head.getUint8(offset)))
    if (type === wanted) {
      const content = { start: at + headerBytes, end: Math.min(boxEnd, end) }
      const failed = inside.length === 0 ? count(walk, content) : look(walk, content, inside)
      if (failed !== undefined) return failed
      // There is one index.
      if (type === 'moov') return undefined
    }
    at = boxEnd
  }
  return undefined
}

function count(walk: Walk, { start, end }: Range): Failure | undefined {
  if (start + LIST_HEAD_BYTES > end) return undefined
  const head = viewOf(walk.file, { start, end: start + LIST_HEAD_BYTES })
  if (isFailure(head)) return head
  const isLong = head.getUint8(0) === 1
  const entryBytes = isLong ? 20 : 12
  const entries = Math.min(head.getUint32(4), Math.floor((end - start - LIST_HEAD_BYTES) / entryBytes))
  if (entries > JUDGED_ENTRIES) {
    walk.most = Math.max(walk.most, entries)
    return undefined
  }
  const first = start + LIST_HEAD_BYTES
  const list = viewOf(walk.file, { start: first, end: first + entries * entryBytes })
  if (isFailure(list)) return list
  let shown = 0
  for (let at = 0; at < entries * entryBytes; at += entryBytes) {
    const mediaTime = isLong ? Number(list.getBigInt64(at + 8)) : list.getInt32(at + 4)
    if (mediaTime !== EMPTY) shown += 1
  }
  walk.most = Math.max(walk.most, shown)
  return undefined
}

function viewOf(file: IsoBytes, { start, end }: Range): DataView | Failure {
  if (end <= start) return new DataView(new ArrayBuffer(0))
  const bytes = file.read(start, end)
  if (isFailure(bytes)) return bytes
  return new DataView(bytes.buffer, bytes.byteOffset, end - start)
}
