/**
 * Detects WebM and Matroska files that hold only audio, as browsers record voice messages. The list of tracks
 * is near the start.
 */

/** Returns whether all tracks of a file are audio. False when the first bytes do not contain the tracks. */
export function isMatroskaAudio(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const segment = find(elements(buffer, 0, buffer.length), SEGMENT)
  const tracks = segment && find(elements(buffer, segment.start, segment.end), TRACKS)
  if (tracks === undefined || tracks.end > buffer.length) return false
  const types = [...elements(buffer, tracks.start, tracks.end)]
    .filter(({ id }) => id === TRACK_ENTRY)
    .map(({ start, end }) => {
      const type = find(elements(buffer, start, end), TRACK_TYPE)
      return type === undefined ? undefined : buffer[type.start]
    })
  return types.length > 0 && types.every((type) => type === AUDIO)
}

/** Element ids and track types of Matroska (RFC 9559). */
const SEGMENT = 0x18538067
const TRACKS = 0x1654ae6b
const TRACK_ENTRY = 0xae
const TRACK_TYPE = 0x83
const AUDIO = 2

interface Element {
  readonly id: number
  /** The start of its content. An element of unknown length ends with its parent. */
  readonly start: number
  readonly end: number
}

function find(all: Iterable<Element>, id: number): Element | undefined {
  for (const element of all) if (element.id === id) return element
  return undefined
}

/** Yields the elements of a range whose headers are present (RFC 8794, section 6). */
function* elements(buffer: Buffer, from: number, to: number): Generator<Element> {
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
