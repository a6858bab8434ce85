/**
 * Detects WebM and Matroska files that hold only audio, as browsers record voice messages. The list of tracks
 * is near the start.
 */

import { elements, findElement, numberIn } from './ebml.ts'

/** Whether all tracks of a file are audio. False when the first bytes do not contain the tracks. */
export function isMatroskaAudio(bytes: Uint8Array): boolean {
  const tracks = matroskaTracks(bytes)
  return tracks !== undefined && tracks.length > 0 && tracks.every(({ type }) => type === MATROSKA_AUDIO)
}

export interface MatroskaTrack {
  readonly number: number | undefined
  readonly type: number | undefined
}

/** Returns the tracks of a file. Undefined when the first bytes do not contain them. */
export function matroskaTracks(bytes: Uint8Array): readonly MatroskaTrack[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const segment = findElement(elements(buffer, 0, buffer.length), SEGMENT)
  const tracks = segment && findElement(elements(buffer, segment.start, segment.end), TRACKS)
  if (tracks === undefined || tracks.end > buffer.length) return undefined
  return [...elements(buffer, tracks.start, tracks.end)]
    .filter(({ id }) => id === TRACK_ENTRY)
    .map((entry) => {
      const number = (id: number) => {
        const element = findElement(elements(buffer, entry.start, entry.end), id)
        return element && numberIn(buffer, element)
      }
      return { number: number(TRACK_NUMBER), type: number(TRACK_TYPE) }
    })
}

/** Element ids of Matroska (RFC 9559). */
const SEGMENT = 0x18538067
const TRACKS = 0x1654ae6b
const TRACK_ENTRY = 0xae
const TRACK_NUMBER = 0xd7
const TRACK_TYPE = 0x83
/** Track types of Matroska (RFC 9559). */
export const MATROSKA_VIDEO = 1
export const MATROSKA_AUDIO = 2
