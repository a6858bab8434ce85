/** Finds the audio behind the ID3 tags at the start of a file. */

import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { ID3_HEAD_BYTES, id3Bytes, MAX_ID3_TAGS } from '../../../media/id3.ts'
import type { SyncRanges } from './range-io.ts'

/** Returns where the audio starts: after the ID3 tags (version 2) at the start of the file. */
export function endOfTags(file: SyncRanges): number | undefined {
  let at = 0
  for (let tags = 0; tags <= MAX_ID3_TAGS; tags += 1) {
    const head = readBytes(file, at, at + ID3_HEAD_BYTES)
    if (head === undefined) return undefined
    const tagBytes = id3Bytes(head)
    if (tagBytes === 0) return at
    at += tagBytes
  }
  return undefined
}

/** Returns a part of a file. Undefined when it is not inside the file, or cannot be read. */
export function readBytes(file: SyncRanges, start: number, end: number): Buffer | undefined {
  if (end > file.sizeBytes || start >= end) return undefined
  const bytes = file.read(start, end)
  return isFailure(bytes) ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, end - start)
}
