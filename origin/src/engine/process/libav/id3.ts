/** Finds the audio behind the ID3 tags at the start of a file. */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { SyncRanges } from './range-io.ts'

const MAX_TAGS = 4
const TAG_HEAD_BYTES = 10

/** Returns where the audio starts: after the ID3 tags (version 2) at the start of the file. */
export function endOfTags(file: SyncRanges): number | undefined {
  let at = 0
  for (let tags = 0; tags <= MAX_TAGS; tags += 1) {
    const head = readBytes(file, at, at + TAG_HEAD_BYTES)
    if (head === undefined) return undefined
    if (head.toString('latin1', 0, 3) !== 'ID3') return at
    const size = head.subarray(6).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0)
    const hasFooter = ((head[5] ?? 0) & 0x10) !== 0
    at += TAG_HEAD_BYTES + size + (hasFooter ? TAG_HEAD_BYTES : 0)
  }
  return undefined
}

/**
 * Returns the format of a file whose first bytes are an ID3 tag, which MP3 files have, but AAC and FLAC may have
 * as well. Undefined when MP3 or something unknown follows the tag.
 */
export function formatBehindTags(file: SyncRanges): 'aac' | 'flac' | undefined {
  const start = endOfTags(file)
  if (start === undefined || start === 0) return undefined
  const head = readBytes(file, start, start + 4)
  if (head === undefined) return undefined
  if (head.toString('latin1') === 'fLaC') return 'flac'
  // The sync word and the layer of ADTS (ISO/IEC 13818-7, section 6.2). A frame of MP3 has another layer.
  return head[0] === 0xff && ((head[1] ?? 0) & 0xf6) === 0xf0 ? 'aac' : undefined
}

/** Returns a part of a file. Undefined when it is not inside the file, or cannot be read. */
export function readBytes(file: SyncRanges, start: number, end: number): Buffer | undefined {
  if (end > file.sizeBytes || start >= end) return undefined
  const bytes = file.read(start, end)
  return isFailure(bytes) ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, end - start)
}
