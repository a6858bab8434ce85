/**
 * Reads the index of a video in the ISO base media container (ISO/IEC 14496-12, section 8) before libav opens
 * it. libav builds an index for each edit, which takes minutes when a file has thousands, and it cannot seek
 * in a track with several edits. It also does not report encryption and fragments.
 */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { type ByteSpan, fourCharacters, LARGE_HEADER_BYTES, readBox } from '../../../media/iso-boxes.ts'
import type { SyncRanges } from './range-io.ts'

export interface IsoIndex {
  /** The largest number of edits that show something in any one track. */
  readonly edits: number
  /** The largest number of edits that show something in any one video track. */
  readonly videoEdits: number
  /** Whether samples, or more of them, come in fragments after the index. */
  readonly isFragmented: boolean
  /** The ids of the tracks that cannot be decoded without a key. */
  readonly encryptedTracks: ReadonlySet<number>
  /**
   * The durations, each 0, of the last edit of tracks without an edit that lasts. Writers mean until the end, as
   * in fragmented files (ISO/IEC 14496-12, section 8.6.6); libav shows nothing of such a track.
   */
  readonly endlessEdits: readonly ByteSpan[]
}

/** Reads the index. Fails as reading the bytes fails. */
export function readIndex(file: SyncRanges): IsoIndex | Failure {
  const walk: Walk = { file, left: MAX_BOXES }
  const tracks: Track[] = []
  let isFragmented = false
  const failed = walkBoxes(walk, { start: 0, end: file.sizeBytes }, (type, index) => {
    if (type !== 'moov') return undefined
    const seen = walkBoxes(walk, index, (inside, content) => {
      if (inside === 'mvex') isFragmented = true
      if (inside !== 'trak') return undefined
      const track: Track = { number: 0, edits: 0, endless: undefined, handler: '', codec: '' }
      tracks.push(track)
      return readTrack(walk, content, track)
    })
    // A file has only one index.
    return seen ?? 'seen'
  })
  if (failed !== undefined && failed !== 'seen') return failed
  const maxEdits = (some: readonly Track[]) => Math.max(0, ...some.map(({ edits }) => edits))
  const encrypted = tracks.filter(({ codec }) => ENCRYPTED.has(codec))
  return {
    edits: maxEdits(tracks),
    videoEdits: maxEdits(tracks.filter(({ handler }) => handler === VIDEO_HANDLER)),
    isFragmented,
    encryptedTracks: new Set(encrypted.map(({ number }) => number)),
    endlessEdits: isFragmented ? [] : tracks.flatMap(({ endless }) => endless ?? []),
  }
}

/** The boxes of a track that contain the wanted ones. */
const HOLDERS: ReadonlySet<string> = new Set(['edts', 'mdia', 'minf', 'stbl'])

function readTrack(walk: Walk, track: ByteSpan, found: Track): Failure | 'seen' | undefined {
  return walkBoxes(walk, track, (type, content) => {
    if (HOLDERS.has(type)) return readTrack(walk, content, found)
    if (type === 'tkhd') return readNumber(walk, content, found)
    if (type === 'elst') return count(walk, content, found)
    if (type === 'hdlr') return readName(walk, content, HANDLER_AT, (name) => (found.handler = name))
    if (type === 'stsd') return readName(walk, content, CODEC_AT, (name) => (found.codec = name))
    return undefined
  })
}

/** The largest number of box headers that are read. A file with more is left to libav. */
const MAX_BOXES = 2000
/** The bytes of a list before its entries: version, flags and number of entries. */
const LIST_HEAD_BYTES = 8
/** In lists of up to this many entries, empty edits are not counted. */
const SAMPLED_ENTRIES = 1000
const EMPTY = -1

/** The handler type of a video track, which follows eight other bytes. */
const VIDEO_HANDLER = 'vide'
const HANDLER_AT = 8
/** The offset of the first codec name, after the number of entries and its size. */
const CODEC_AT = 12
const NAME_BYTES = 4
/** The sample entries of Common Encryption (ISO/IEC 23001-7, section 4) and of Apple's FairPlay. */
const ENCRYPTED: ReadonlySet<string> = new Set(['encv', 'enca', 'drmi', 'drms'])

interface Walk {
  readonly file: SyncRanges
  left: number
}

interface Track {
  number: number
  edits: number
  /** The duration of its last edit, when it is 0 and no other edit lasts. */
  endless: ByteSpan | undefined
  handler: string
  codec: string
}

/** Iterates over the boxes of a range until the callback ends the walk. */
function walkBoxes(
  walk: Walk,
  { start, end }: ByteSpan,
  onBox: (type: string, content: ByteSpan) => Failure | 'seen' | undefined,
): Failure | 'seen' | undefined {
  for (let at = start; at < end && walk.left > 0; ) {
    walk.left -= 1
    const header = readBytes(walk.file, { start: at, end: Math.min(end, at + LARGE_HEADER_BYTES) })
    if (isFailure(header)) return header
    const box = readBox(header, { start: at, end })
    if (box === undefined) return undefined
    const ended = onBox(box.type, box)
    if (ended !== undefined) return ended
    at = box.end
  }
  return undefined
}

function count(walk: Walk, { start, end }: ByteSpan, track: Track): Failure | undefined {
  if (start + LIST_HEAD_BYTES > end) return undefined
  const head = viewOf(walk.file, { start, end: start + LIST_HEAD_BYTES })
  if (isFailure(head)) return head
  const isLong = head.getUint8(0) === 1
  const entryBytes = isLong ? 20 : 12
  const entries = Math.min(head.getUint32(4), Math.floor((end - start - LIST_HEAD_BYTES) / entryBytes))
  if (entries > SAMPLED_ENTRIES) {
    track.edits = Math.max(track.edits, entries)
    return undefined
  }
  const first = start + LIST_HEAD_BYTES
  const list = viewOf(walk.file, { start: first, end: first + entries * entryBytes })
  if (isFailure(list)) return list
  let shown = 0
  let lasting = 0
  let endless: ByteSpan | undefined
  for (let at = 0; at < entries * entryBytes; at += entryBytes) {
    const mediaTime = isLong ? Number(list.getBigInt64(at + 8)) : list.getInt32(at + 4)
    if (mediaTime === EMPTY) continue
    shown += 1
    const duration = isLong ? Number(list.getBigUint64(at)) : list.getUint32(at)
    lasting += duration
    endless = { start: first + at, end: first + at + (isLong ? 8 : 4) }
  }
  track.edits = Math.max(track.edits, shown)
  track.endless = lasting === 0 ? endless : undefined
  return undefined
}

/** The id of a track follows two timestamps, which are twice as long in version 1. */
function readNumber(walk: Walk, { start, end }: ByteSpan, track: Track): Failure | undefined {
  if (start + TRACK_HEAD_BYTES > end) return undefined
  const head = viewOf(walk.file, { start, end: start + TRACK_HEAD_BYTES })
  if (isFailure(head)) return head
  track.number = head.getUint32(head.getUint8(0) === 1 ? 20 : 12)
  return undefined
}

const TRACK_HEAD_BYTES = 24

function readName(
  walk: Walk,
  { start, end }: ByteSpan,
  offset: number,
  onName: (name: string) => void,
): Failure | undefined {
  const at = start + offset
  if (at + NAME_BYTES > end) return undefined
  const name = readBytes(walk.file, { start: at, end: at + NAME_BYTES })
  if (isFailure(name)) return name
  onName(fourCharacters(name, 0))
  return undefined
}

function viewOf(file: SyncRanges, span: ByteSpan): DataView | Failure {
  const bytes = readBytes(file, span)
  return isFailure(bytes) ? bytes : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function readBytes(file: SyncRanges, { start, end }: ByteSpan): Uint8Array | Failure {
  if (end <= start) return new Uint8Array()
  const bytes = file.read(start, end)
  return isFailure(bytes) ? bytes : bytes.subarray(0, end - start)
}
