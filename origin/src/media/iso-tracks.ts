/**
 * Reads the tracks of a file in the ISO base media container
 * from its first bytes (ISO/IEC 14496-12, section 8).
 */

import { findBox, findBoxes, fourCharacters, type Span } from './iso-boxes.ts'

/** Whether the bytes contain a track of moving video. */
export function hasFilmTrack(head: Uint8Array): boolean {
  for (const track of findBoxes(head, { start: 0, end: head.length }, 'moov', 'trak'))
    if (isFilm(head, track)) return true
  return false
}

function isFilm(head: Uint8Array, track: Span): boolean {
  const handler = findBox(head, track, 'mdia', 'hdlr')
  if (handler === undefined || fourCharacters(head, handler.start + HANDLER_OFFSET) !== 'vide') return false
  const samples = findBox(head, track, 'mdia', 'minf', 'stbl', 'stsd')
  const codec = samples === undefined ? '' : fourCharacters(head, samples.start + CODEC_OFFSET)
  // Cover art and chapter images are video tracks of a still codec.
  return !STILL_CODECS.has(codec.trim().toLowerCase())
}

/** After the version, the flags and a reserved word. */
const HANDLER_OFFSET = 8
/** After the version, the flags, the number of entries, and the size of the first one. */
const CODEC_OFFSET = 12
const STILL_CODECS: ReadonlySet<string> = new Set(['jpeg', 'mjpg', 'mjpa', 'png', 'gif', 'tiff'])
