/**
 * Reads the directory of Windows icons and cursors (ICO, CUR). A file contains the same image in several
 * sizes and depths. Each entry is a PNG, or a bitmap without its file header.
 */

export interface IconEntry {
  /** The offset of the entry's image in the file. */
  readonly offset: number
  readonly width: number
  readonly height: number
  /** Bits per pixel as the directory declares them, which only ranks the entries. */
  readonly bits: number
}

/**
 * Returns the entries of a directory. Undefined when the bytes do not start with a complete one. The offset
 * of an entry may lie beyond the end of the file.
 */
export function iconEntries(bytes: Uint8Array): readonly IconEntry[] | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const type = view.getUint16(2, true)
  const count = view.getUint16(4, true)
  const end = HEADER_BYTES + count * ENTRY_BYTES
  const isDirectory = view.getUint16(0) === 0 && (type === ICON || type === CURSOR) && count > 0
  if (!isDirectory || end > bytes.length) return undefined
  const entries = Array.from({ length: count }, (_, index): IconEntry => {
    const at = HEADER_BYTES + index * ENTRY_BYTES
    // A cursor has the coordinates of its hot spot in place of planes and bits.
    const bits = type === ICON ? view.getUint16(at + 6, true) : 0
    return {
      offset: view.getUint32(at + 12, true),
      // A side of 256 pixels is stored as 0.
      width: view.getUint8(at) || 256,
      height: view.getUint8(at + 1) || 256,
      bits: bits === 0 ? bitsOfColours(view.getUint8(at + 2)) : bits,
    }
  })
  return entries.some(({ offset }) => offset < end) ? undefined : entries
}

const HEADER_BYTES = 6
const ENTRY_BYTES = 16
const [ICON, CURSOR] = [1, 2]

/** Returns the bits that a number of colours needs. 0 stands for 256 colours or more. */
function bitsOfColours(colours: number): number {
  return 32 - Math.clz32((colours === 0 ? 256 : colours) - 1)
}

/** Detects the coding of the image at an offset by its first bytes. Undefined for any other content. */
export function iconImageFormat(bytes: Uint8Array, offset: number): 'png' | 'bmp' | undefined {
  if (offset + 4 > bytes.length) return undefined
  const start = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset)
  if (start === PNG_START) return 'png'
  return BITMAP_STARTS.has(start) ? 'bmp' : undefined
}

const PNG_START = 0x89504e47
/**
 * The lengths of Windows's bitmap headers, as they are stored. Browsers do not show those of OS/2 in icons.
 */
const BITMAP_STARTS: ReadonlySet<number> = new Set([40, 52, 56, 108, 124].map((bytes) => bytes << 24))

/**
 * Whether the first bytes of a file are those of an icon or a cursor. Targa images and MPEG streams
 * can start with the same signature, so the directory and the start of one of its images are checked, too.
 */
export function isIcon(head: Uint8Array): boolean {
  return iconEntries(head)?.some(({ offset }) => iconImageFormat(head, offset) !== undefined) ?? false
}
