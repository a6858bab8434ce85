/**
 * Repairs a corrupt progressive JPEG. The decoder stops at a marker that is not allowed at its position, and
 * libvips then returns nothing. Browsers show the scans before the fault.
 */

/**
 * Returns the image up to its first invalid marker, followed by an end marker. Undefined when there is no
 * invalid marker.
 */
export function repairJpeg(bytes: Uint8Array): Uint8Array | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 2
  let [isProgressive, isScanned] = [false, false]
  while (at + 4 <= file.length) {
    const marker = file[at + 1] ?? 0
    // Stray bytes between segments: decoders skip them to the next marker.
    if (file[at] !== PREFIX || marker === PREFIX || marker === 0) {
      at += 1
      continue
    }
    if (marker === END_OF_IMAGE) return undefined
    const length = file.readUInt16BE(at + 2)
    const segment = file.subarray(at + 4, at + 2 + length)
    if (isScanned && !mayFollowScan(marker, segment)) return cutAt(file, at)
    if (marker === PROGRESSIVE) isProgressive = true
    at += 2 + length
    if (marker !== START_OF_SCAN) continue
    if (!isProgressive) return undefined
    isScanned = true
    at = endOfScan(file, at)
  }
  return undefined
}

const PREFIX = 0xff
const [PROGRESSIVE, HUFFMAN_TABLES, START_OF_SCAN, END_OF_IMAGE] = [0xc2, 0xc4, 0xda, 0xd9]
const [FIRST_RESTART, LAST_RESTART] = [0xd0, 0xd7]
/**
 * The markers allowed between scans: tables, arithmetic conditioning, scans, number of lines, restart
 * interval and comments. The sixteen application markers are checked separately (ITU-T T.81, B.1.1.3).
 */
const BETWEEN_SCANS: ReadonlySet<number> = new Set([0xc4, 0xcc, 0xda, 0xdb, 0xdc, 0xdd, 0xfe])

function mayFollowScan(marker: number, segment: Buffer): boolean {
  if (marker === START_OF_SCAN) return isScanHeader(segment)
  if (marker === HUFFMAN_TABLES) return holdsHuffmanTables(segment)
  return BETWEEN_SCANS.has(marker) || (marker >= 0xe0 && marker <= 0xef)
}

const MAX_COMPONENTS = 4
const LAST_COEFFICIENT = 63

/**
 * Whether a segment is a valid scan header, with its components and their range of coefficients
 * (section B.2.3).
 */
function isScanHeader(segment: Buffer): boolean {
  const [components = 0] = segment
  if (components < 1 || components > MAX_COMPONENTS || segment.length !== 4 + 2 * components) return false
  const [first = 0, last = 0] = segment.subarray(1 + 2 * components)
  return first <= last && last <= LAST_COEFFICIENT
}

const LENGTHS = 16
const MAX_CODES = 256

/**
 * Whether a segment holds valid Huffman tables. Each has the number of codes of every length, and the
 * symbols of these codes (section B.2.4.2).
 */
function holdsHuffmanTables(segment: Buffer): boolean {
  let at = 0
  while (at + 1 + LENGTHS <= segment.length) {
    const codes = segment.subarray(at + 1, at + 1 + LENGTHS).reduce((sum, count) => sum + count, 0)
    if (codes > MAX_CODES || (segment[at] ?? 0) > 0x13) return false
    at += 1 + LENGTHS + codes
  }
  return at === segment.length
}

/** Returns the offset of the next marker that is not a restart marker. */
function endOfScan(file: Buffer, start: number): number {
  let at = file.indexOf(PREFIX, start)
  while (at >= 0 && at + 1 < file.length) {
    const marker = file[at + 1] ?? 0
    const isData = marker === 0 || marker === PREFIX || (marker >= FIRST_RESTART && marker <= LAST_RESTART)
    if (!isData) return at
    at = file.indexOf(PREFIX, at + 1)
  }
  return file.length
}

function cutAt(file: Buffer, at: number): Uint8Array {
  return Buffer.concat([file.subarray(0, at), Uint8Array.of(PREFIX, END_OF_IMAGE)])
}
