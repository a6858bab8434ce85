/**
 * Reads the boxes of the ISO base media container (ISO/IEC 14496-12, section 4.2), which is used by videos,
 * audio, HEIF and JPEG XL.
 */

/** A range of bytes of a file. `end` is exclusive. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

/** A box. Its span is its content, without the header. */
export interface IsoBox extends ByteSpan {
  /** Four characters. */
  readonly type: string
  readonly headerAt: number
  /** Whether the box ends inside the span that was searched. If not, its end is the end of that span. */
  readonly isWhole: boolean
}

/** The maximum number of boxes of one span that are read: a phone's image of 200 megapixels has some 800 tiles. */
const MAX_BOXES = 4096
const HEADER_BYTES = 8
/** The bytes of the header of a box whose size does not fit into 32 bits. */
export const LARGE_HEADER_BYTES = 16

/** Yields the boxes of a span in order, up to the first invalid one. */
export function* boxesIn(
  file: Uint8Array,
  span: ByteSpan = { start: 0, end: file.length },
): Generator<IsoBox> {
  let at = span.start
  for (let seen = 0; seen < MAX_BOXES; seen += 1) {
    const header = file.subarray(at, at + LARGE_HEADER_BYTES)
    const box = readBox(header, { start: at, end: span.end })
    if (box === undefined) return
    yield box
    at = box.end
  }
}

/**
 * Reads the box at the start of a span. `header` holds its first `LARGE_HEADER_BYTES`, or fewer when the span
 * is shorter.
 */
export function readBox(header: Uint8Array, { start, end }: ByteSpan): IsoBox | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const headerEnd = Math.min(view.byteLength, end - start)
  if (headerEnd < HEADER_BYTES) return undefined
  const declared = view.getUint32(0)
  const isLarge = declared === 1
  if (isLarge && headerEnd < LARGE_HEADER_BYTES) return undefined
  // A size of 0 means that the box extends to the end.
  const size = isLarge ? Number(view.getBigUint64(HEADER_BYTES)) : declared === 0 ? end - start : declared
  const headerBytes = isLarge ? LARGE_HEADER_BYTES : HEADER_BYTES
  if (size < headerBytes) return undefined
  return {
    type: fourCharacters(header, 4),
    headerAt: start,
    start: start + headerBytes,
    end: Math.min(start + size, end),
    isWhole: start + size <= end,
  }
}

/** Returns the first box at the end of a path of types. Undefined when there is none. */
export function findBox(file: Uint8Array, span: ByteSpan, ...path: readonly string[]): IsoBox | undefined {
  return findBoxes(file, span, ...path).next().value
}

/** Yields the boxes at the end of a path of types. */
export function* findBoxes(file: Uint8Array, span: ByteSpan, ...path: readonly string[]): Generator<IsoBox> {
  const [wanted, ...rest] = path
  for (const box of boxesIn(file, span)) {
    if (box.type !== wanted) continue
    if (rest.length === 0) yield box
    else yield* findBoxes(file, box, ...rest)
  }
}

/** Returns four bytes as text, or an empty string when they are outside the file. */
export function fourCharacters(bytes: Uint8Array, at: number): string {
  return at + 4 > bytes.length ? '' : String.fromCharCode(...bytes.subarray(at, at + 4))
}
