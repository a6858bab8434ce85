export type OggStream = 'vorbis' | 'opus' | 'theora' | 'vp8' | 'flac' | 'speex' | 'skeleton' | 'unknown'

const PAGE_HEADER_BYTES = 27
const BEGINNING_OF_STREAM = 2

/**
 * Returns the streams of an Ogg file. The first page of each stream comes at the very start, before any other
 * page (RFC 3533, section 4), so the rest of the file is not read.
 */
export function oggStreams(head: Uint8Array): readonly OggStream[] {
  const buffer = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  const streams: OggStream[] = []
  let at = 0
  while (at + PAGE_HEADER_BYTES <= buffer.length && buffer.toString('latin1', at, at + 4) === 'OggS') {
    if (((buffer[at + 5] ?? 0) & BEGINNING_OF_STREAM) === 0) break
    const segments = buffer[at + 26] ?? 0
    const start = at + PAGE_HEADER_BYTES + segments
    const bytes = buffer.subarray(at + PAGE_HEADER_BYTES, start).reduce((sum, segment) => sum + segment, 0)
    const payload = buffer.toString('latin1', start, start + 9)
    streams.push(MARKS.find(([mark]) => payload.startsWith(mark))?.[1] ?? 'unknown')
    at = start + bytes
  }
  return streams
}

const MARKS: readonly (readonly [mark: string, stream: OggStream])[] = [
  ['\x01vorbis', 'vorbis'],
  ['OpusHead', 'opus'],
  ['\x80theora', 'theora'],
  ['OVP80', 'vp8'],
  ['\x7fFLAC', 'flac'],
  ['Speex   ', 'speex'],
  ['fishead\0', 'skeleton'],
]
