/**
 * Reads the boxes of the ISO base media container (ISO/IEC 14496-12, section 4.2), which holds video, audio,
 * HEIF and JPEG XL.
 */

/** A range of bytes of a file. `start` is inclusive, `end` exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A box. Its span is that of its content, without the header. */
export interface IsoBox extends Span {
  /** The type, four characters. */
  readonly type: string
  readonly headerAt: number
  /** Whether the box ends inside the span in which it was found. If not, its end is that of the span. */
  readonly isWhole: boolean
}

/** The maximum number of boxes read per span. A phone photo of 200 megapixels has about 800 tiles. */
const MAX_BOXES = 4096
const HEADER_BYTES = 8
/** The header size of a box whose size does not fit into 32 bits. */
export const LARGE_HEADER_BYTES = 16

/** Iterates over the consecutive boxes of a span. Ends at the first invalid one. */
export function* boxesIn(file: Uint8Array, span: Span = { start: 0, end: file.length }): Generator<IsoBox> {
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
 * Reads the box at the start of a span. `header` holds the first `LARGE_HEADER_BYTES` of the span, or fewer
 * when the span is shorter. Undefined when the box is invalid.
 */
export function readBox(header: Uint8Array, { start, end }: Span): IsoBox | undefined {
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

/** Returns the first box at the end of a path of types. */
export function findBox(file: Uint8Array, span: Span, ...path: readonly string[]): IsoBox | undefined {
  return findBoxes(file, span, ...path).next().value
}

/** Iterates over the boxes at the end of a path of types. */
export function* findBoxes(file: Uint8Array, span: Span, ...path: readonly string[]): Generator<IsoBox> {
  const [wanted, ...rest] = path
  for (const box of boxesIn(file, span)) {
    if (box.type !== wanted) continue
    if (rest.length === 0) yield box
    else yield* findBoxes(file, box, ...rest)
  }
}

/** Returns four bytes as text. Empty when there are fewer. */
export function fourCharacters(bytes: Uint8Array, at: number): string {
  return at + 4 > bytes.length ? '' : String.fromCharCode(...bytes.subarray(at, at + 4))
}
