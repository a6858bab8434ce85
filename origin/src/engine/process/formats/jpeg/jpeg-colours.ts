/** The bytes of a JPEG that declare its colours: the JFIF and Adobe markers, and the names of its components. */

const START_OF_SCAN = 0xda
const JFIF = 0xe0
const ADOBE = 0xee
/** Tables and conditioning, within the range of the frame markers (ITU-T T.81, table B.1). */
const NO_FRAMES: ReadonlySet<number> = new Set([0xc4, 0xc8, 0xcc])

/**
 * Whether decoders may disagree on whether three components are RGB or luma and chroma. By the rules of
 * libjpeg, which browsers follow, they are luma and chroma if there is a JFIF marker, or components that are
 * not named R, G and B. An Adobe marker decides otherwise.
 */
export function hasAmbiguousColours(bytes: Uint8Array): boolean {
  const jpeg = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let isNamedRgb = false
  for (let at = 2; at + 10 <= jpeg.length && jpeg[at] === 0xff; at += 2 + jpeg.readUInt16BE(at + 2)) {
    // Any number of fill bytes may precede a marker (section B.1.1.2).
    while (jpeg[at + 1] === 0xff) at += 1
    if (at + 10 > jpeg.length) return true
    const marker = jpeg[at + 1] ?? 0
    if (marker === START_OF_SCAN) return isNamedRgb
    const name = jpeg.toString('latin1', at + 4, at + 9)
    if (marker === JFIF && name === 'JFIF\0') return false
    if (marker === ADOBE && name === 'Adobe') return true
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.has(marker))
      isNamedRgb = [10, 13, 16].every((offset, index) => jpeg[at + offset] === 'RGB'.charCodeAt(index))
  }
  return true
}
