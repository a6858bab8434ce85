/** Finds the audio behind the ID3 tags (version 2) at the start of a file. */

import type { MediaFormat } from './kinds.ts'

/** The bytes that identify a tag and declare its length. */
export const ID3_HEAD_BYTES = 10
/** The largest number of tags that are skipped. */
export const MAX_ID3_TAGS = 4

const VERSIONS: ReadonlySet<number> = new Set([2, 3, 4])
const HAS_FOOTER = 0x10

/** The formats that taggers and players find behind a tag. */
const TAGGED: ReadonlySet<MediaFormat> = new Set(['mp3', 'aac', 'flac', 'wav', 'ogg', 'opus'])

/** Whether a file of a format may start with tags. */
export const mayBeTagged = (format: MediaFormat): boolean => TAGGED.has(format)

/**
 * Returns the length of the tag whose head is at an offset, with its footer (ID3v2.4, section 3). 0 when there
 * is none: the three letters alone may start a text.
 */
export function id3Bytes(bytes: Uint8Array, at = 0): number {
  const head = bytes.subarray(at, at + ID3_HEAD_BYTES)
  const [i, d, three, version = 0, , flags = 0, ...size] = head
  const isTag = i === 0x49 && d === 0x44 && three === 0x33 && VERSIONS.has(version)
  if (head.length < ID3_HEAD_BYTES || !isTag || size.some((byte) => byte >= 0x80)) return 0
  const contentBytes = size.reduce((sum, byte) => sum * 128 + byte, 0)
  return ID3_HEAD_BYTES + contentBytes + ((flags & HAS_FOOTER) === 0 ? 0 : ID3_HEAD_BYTES)
}

/**
 * Returns where the tags at the start of a file end, as far as its first bytes show. That may be behind these
 * bytes.
 */
export function endOfTags(head: Uint8Array): number {
  let end = 0
  for (let tags = 0; tags < MAX_ID3_TAGS; tags += 1) end += id3Bytes(head, end)
  return end
}
