/**
 * Reads the Xing header of an MP3, which encoders write as its first frame. It declares the numbers of frames
 * and bytes. libav computes the duration from the frames, but does not check whether they are there.
 */

import { endOfTags, readBytes } from './id3.ts'
import type { SyncRanges } from './range-io.ts'

/**
 * Whether the file declares its number of frames, and ends where it declares. A file that ends elsewhere was
 * cut or joined, and only its frames determine the duration.
 */
export function declaresFrames(file: SyncRanges): boolean {
  const start = endOfTags(file)
  const frame = start === undefined ? undefined : readBytes(file, start, start + MAX_HEADER_BYTES)
  if (start === undefined || frame === undefined) return false
  const at = headerOffset(frame)
  if (at === undefined || !NAMES.has(frame.toString('latin1', at, at + 4))) return false
  const hasCounts = (frame.readUInt32BE(at + 4) & COUNTS) === COUNTS
  const [frames, byteCount] = [frame.readUInt32BE(at + 8), frame.readUInt32BE(at + 12)]
  return hasCounts && frames > 0 && endsAt(file, start + byteCount)
}

const NAMES: ReadonlySet<string> = new Set(['Xing', 'Info'])
/** The flags of the two fields that follow: the numbers of frames and bytes. */
const COUNTS = 3
/** The bytes of the first frame up to the end of these fields. */
const MAX_HEADER_BYTES = 4 + 32 + 16

/** Returns where the header of a frame of layer III is. Undefined when the bytes start with no such frame. */
function headerOffset(frame: Buffer): number | undefined {
  const [sync, version = 0, , channels = 0] = frame
  if (sync !== 0xff || (version & 0xe6) !== 0xe2) return undefined
  const isMpeg1 = (version & 0x18) === 0x18
  const isMono = channels >> 6 === 3
  return 4 + (isMpeg1 ? (isMono ? 17 : 32) : isMono ? 9 : 17)
}

/** The tags that may follow the audio: ID3 of both versions, APE and Lyrics3. */
const LAST_TAGS = ['TAG', 'ID3', 'APETAGEX', 'LYRICSBEGIN']

function endsAt(file: SyncRanges, end: number): boolean {
  if (end === file.sizeBytes) return true
  const after = readBytes(file, end, Math.min(file.sizeBytes, end + 16))
  return after !== undefined && LAST_TAGS.some((tag) => after.toString('latin1').startsWith(tag))
}
