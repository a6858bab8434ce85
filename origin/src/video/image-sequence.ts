/**
 * Animated AVIF, and HEIC of a burst: a still, and beside it a track of coded frames as a video has it (ISO/IEC
 * 23008-12, section 7). Sharp sees the still alone; who plays the file sees the track. Under a video's name the track
 * is read by what reads videos.
 */

/** Tracks that are looked at, and boxes of one list: a file has a handful, unless it was made to keep us busy. */
const MAX_BOXES = 256
const HANDLER_OFFSET = 8
const SEQUENCE_HANDLER = 'pict'
const VIDEO_HANDLER = 'vide'
/** A brand that says no more than "boxes" (ISO/IEC 14496-12). */
const PLAIN_BRAND = 'isom'

/** The same file with its sequence of images declared as a video; undefined where it has none. */
export function sequenceAsVideo(bytes: Uint8Array): Uint8Array | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const handlers = boxesIn(file, 0, file.length, 'moov')
    .flatMap((moov) => boxesIn(file, moov.start, moov.end, 'trak'))
    .flatMap((track) => boxesIn(file, track.start, track.end, 'mdia'))
    .flatMap((media) => boxesIn(file, media.start, media.end, 'hdlr'))
    .map(({ start }) => start + HANDLER_OFFSET)
    .filter((at) => file.toString('latin1', at, at + 4) === SEQUENCE_HANDLER)
  const [brand] = boxesIn(file, 0, file.length, 'ftyp')
  if (handlers.length === 0 || brand === undefined) return undefined
  const video = Buffer.from(file)
  video.write(PLAIN_BRAND, brand.start, 'latin1')
  for (const at of handlers) video.write(VIDEO_HANDLER, at, 'latin1')
  return video
}

interface Box {
  /** Of its content. */
  readonly start: number
  readonly end: number
}

/** The boxes of one type in a part of a file, up to the first that does not fit into it. */
function boxesIn(file: Buffer, from: number, to: number, type: string): readonly Box[] {
  const found: Box[] = []
  let at = from
  for (let seen = 0; seen < MAX_BOXES && at + 8 <= to; seen += 1) {
    const declared = file.readUInt32BE(at)
    const large = declared === 1
    if (large && at + 16 > to) break
    const size = large ? Number(file.readBigUInt64BE(at + 8)) : declared === 0 ? to - at : declared
    const start = at + (large ? 16 : 8)
    const end = at + size
    if (end < start || end > to) break
    if (file.toString('latin1', at + 4, at + 8) === type) found.push({ start, end })
    at = end
  }
  return found
}
