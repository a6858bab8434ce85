/** The boxes of the ISO base media container (ISO/IEC 14496-12, section 4.2): of films, sound, HEIF and JPEG XL. */

/** Bytes of a file, from the first up to the one behind the last. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A span of what the box holds, its header left out. */
export interface IsoBox extends Span {
  /** Four characters. */
  readonly type: string
  readonly headerAt: number
  /** All of it lies in what it was looked for in; where not, its end is the end of that. */
  readonly isWhole: boolean
}

/** Boxes of one span that are looked at: a phone's picture of 200 megapixels has some 800 tiles. */
const MAX_BOXES = 4096
const HEADER_BYTES = 8
/** Of the header of a box whose size does not fit into 32 bits. */
export const LARGE_HEADER_BYTES = 16

/** The boxes of a span, one behind the other, up to one that cannot be. */
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

/** The box at the start of a span, by its first `LARGE_HEADER_BYTES`, or fewer where there are no more. */
export function readBox(header: Uint8Array, { start, end }: Span): IsoBox | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const headerEnd = Math.min(view.byteLength, end - start)
  if (headerEnd < HEADER_BYTES) return undefined
  const declared = view.getUint32(0)
  const isLarge = declared === 1
  if (isLarge && headerEnd < LARGE_HEADER_BYTES) return undefined
  // A size of nothing says "to the end".
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

/** The first box at the end of a path of types. */
export function findBox(file: Uint8Array, span: Span, ...path: readonly string[]): IsoBox | undefined {
  return findBoxes(file, span, ...path).next().value
}

/** The boxes at the end of a path of types. */
export function* findBoxes(file: Uint8Array, span: Span, ...path: readonly string[]): Generator<IsoBox> {
  const [wanted, ...rest] = path
  for (const box of boxesIn(file, span)) {
    if (box.type !== wanted) continue
    if (rest.length === 0) yield box
    else yield* findBoxes(file, box, ...rest)
  }
}

/** Four bytes as text; nothing where they are not there. */
export function fourCharacters(bytes: Uint8Array, at: number): string {
  return at + 4 > bytes.length ? '' : String.fromCharCode(...bytes.subarray(at, at + 4))
}
