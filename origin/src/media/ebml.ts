/** Parses the elements of EBML, the format of Matroska and WebM (RFC 8794). */

export interface Element {
  readonly id: number
  /** The start of its content. An element of unknown length ends with its parent. */
  readonly start: number
  readonly end: number
}

/** Returns the first element with an id. Undefined when there is none. */
export function findElement(all: Iterable<Element>, id: number): Element | undefined {
  for (const element of all) if (element.id === id) return element
  return undefined
}

/** Yields the elements of a range whose headers are present (RFC 8794, section 6). */
export function* elements(buffer: Buffer, from: number, to: number): Generator<Element> {
  for (let at = from; at < Math.min(to, buffer.length); ) {
    const idLength = Math.clz32(buffer[at] ?? 0) - 23
    if (idLength > 4 || at + idLength >= buffer.length) return
    const sizeAt = at + idLength
    const sizeLength = Math.clz32(buffer[sizeAt] ?? 0) - 23
    const start = sizeAt + sizeLength
    if (sizeLength > 8 || start > buffer.length) return
    const length = lengthOf(buffer.subarray(sizeAt, start))
    const end = length === undefined ? to : start + length
    yield { id: buffer.readUIntBE(at, idLength), start, end }
    at = end
  }
}

/**
 * Returns a number without its marker bit. Undefined when all other bits are set, which means an unknown
 * length.
 */
function lengthOf(bytes: Uint8Array): number | undefined {
  const [first = 0, ...rest] = bytes
  const mask = 0xff >> bytes.length
  if ((first & mask) === mask && rest.every((byte) => byte === 0xff)) return undefined
  return rest.reduce((value, byte) => value * 256 + byte, first & mask)
}

const MAX_NUMBER_BYTES = 8

/** Returns an unsigned number, of any length. Undefined when it is incomplete or too long. */
export function numberIn(bytes: Buffer, { start, end }: Pick<Element, 'start' | 'end'>): number | undefined {
  if (end > bytes.length || end - start > MAX_NUMBER_BYTES) return undefined
  return bytes.subarray(start, end).reduce((value, byte) => value * 256 + byte, 0)
}
