/** What the first bytes of a file in the ISO base media container tell of its tracks (ISO/IEC 14496-12, section 8). */

/** Tells whether a track of moving pictures is among those that are seen. */
export function hasFilmTrack(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const index = boxesOf(view, { start: 0, end: view.byteLength }).find(({ type }) => type === 'moov')
  if (index === undefined) return false
  return boxesOf(view, index)
    .filter(({ type }) => type === 'trak')
    .some((track) => {
      const media = inside(view, track, ['mdia'])
      const handler = media && inside(view, media, ['hdlr'])
      if (media === undefined || handler === undefined) return false
      if (fourCharacters(view, handler.start + HANDLER_OFFSET) !== 'vide') return false
      const samples = inside(view, media, ['minf', 'stbl', 'stsd'])
      const codec = samples === undefined ? '' : fourCharacters(view, samples.start + CODEC_OFFSET)
      // Covers and pictures of chapters stand still.
      return !STILL_CODECS.has(codec.trim().toLowerCase())
    })
}

/** Behind version, flags and a reserved word. */
const HANDLER_OFFSET = 8
/** Behind version, flags, the number of entries, and the size of the first. */
const CODEC_OFFSET = 12
const STILL_CODECS: ReadonlySet<string> = new Set(['jpeg', 'mjpg', 'mjpa', 'png', 'gif', 'tiff'])
const HEADER_BYTES = 8
const LARGE_HEADER_BYTES = 16

interface Box {
  readonly type: string
  /** Of its content. */
  readonly start: number
  readonly end: number
}

function inside(view: DataView, box: Omit<Box, 'type'>, path: readonly string[]): Box | undefined {
  const [wanted, ...rest] = path
  const found = boxesOf(view, box).find(({ type }) => type === wanted)
  return found === undefined || rest.length === 0 ? found : inside(view, found, rest)
}

/** The boxes of a range, as far as there are bytes of it. */
function boxesOf(view: DataView, { start, end }: Omit<Box, 'type'>): readonly Box[] {
  const boxes: Box[] = []
  for (let at = start; at + HEADER_BYTES <= Math.min(end, view.byteLength); ) {
    const declared = view.getUint32(at)
    const isLarge = declared === 1 && at + LARGE_HEADER_BYTES <= view.byteLength
    const size = isLarge ? Number(view.getBigUint64(at + HEADER_BYTES)) : declared
    const headerBytes = isLarge ? LARGE_HEADER_BYTES : HEADER_BYTES
    const boxEnd = declared === 0 ? end : at + size
    if (boxEnd < at + headerBytes) break
    boxes.push({ type: fourCharacters(view, at + 4), start: at + headerBytes, end: Math.min(boxEnd, end) })
    at = boxEnd
  }
  return boxes
}

/** Four bytes as text; nothing where they are not there. */
export function fourCharacters(view: DataView, at: number): string {
  if (at + 4 > view.byteLength) return ''
  return String.fromCharCode(...[0, 1, 2, 3].map((offset) => view.getUint8(at + offset)))
}
