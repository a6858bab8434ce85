/** Reads the tracks that the first bytes of an ISO base media file declare (ISO/IEC 14496-12, section 8). */

import { type ByteSpan, findBox, findBoxes, fourCharacters } from './iso-boxes.ts'

/** Whether the declared tracks include a video. */
export function hasVideoTrack(head: Uint8Array): boolean {
  for (const track of findBoxes(head, { start: 0, end: head.length }, 'moov', 'trak'))
    if (isVideoTrack(head, track)) return true
  return false
}

/**
 * Whether a file declares audio, and no video. False when the first bytes do not contain all its
 * tracks.
 */
export function hasOnlyAudio(head: Uint8Array): boolean {
  const index = findBox(head, { start: 0, end: head.length }, 'moov')
  if (index?.isWhole !== true) return false
  const tracks = [...findBoxes(head, index, 'trak')]
  return (
    tracks.some((track) => handlerOf(head, track) === 'soun') &&
    !tracks.some((track) => isVideoTrack(head, track))
  )
}

function handlerOf(head: Uint8Array, track: ByteSpan): string | undefined {
  const handler = findBox(head, track, 'mdia', 'hdlr')
  return handler && fourCharacters(head, handler.start + HANDLER_OFFSET)
}

function isVideoTrack(head: Uint8Array, track: ByteSpan): boolean {
  if (handlerOf(head, track) !== 'vide') return false
  const samples = findBox(head, track, 'mdia', 'minf', 'stbl', 'stsd')
  const codec = samples === undefined ? '' : fourCharacters(head, samples.start + CODEC_OFFSET)
  // Covers and chapter images are stills.
  return !STILL_CODECS.has(codec.trim().toLowerCase())
}

/** The offset after version, flags and a reserved word. */
const HANDLER_OFFSET = 8
/** The offset after version, flags, the number of entries, and the size of the first entry. */
const CODEC_OFFSET = 12
const STILL_CODECS: ReadonlySet<string> = new Set(['jpeg', 'mjpg', 'mjpa', 'png', 'gif', 'tiff'])
