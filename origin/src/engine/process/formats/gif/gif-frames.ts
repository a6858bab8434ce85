/** The structure of a GIF (GIF89a): the positions of its frames and how each is shown. */

export interface GifFrames {
  readonly width: number
  readonly height: number
  /** The frames in the file, read lazily. The data of the last one may be incomplete. */
  readonly frames: Iterable<GifFrame>
}

export interface GifFrame {
  /** The offset of the frame's graphic control extension. Undefined when it has none. */
  readonly control: number | undefined
  /** The offset of the frame's image descriptor. */
  readonly start: number
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  /** The disposal method: 0 and 1 keep the frame, 2 clears its area, 3 restores the previous content. */
  readonly disposal: number
  readonly isTransparent: boolean
  /** The transparent colour index. Valid only when `isTransparent` is set. */
  readonly transparent: number
  readonly isInterlaced: boolean
  /** Whether it has its own palette instead of the one that frames share. */
  readonly hasOwnPalette: boolean
  /** The offset of the next block. */
  readonly end: number
  /** The bits per colour index in the coded pixels (the LZW minimum code size). */
  readonly codeBits: number
  /** The LZW-coded pixels, joined when they are read. */
  readonly data: Uint8Array
}

/** Reads the frames up to the trailer, or up to the point where the structure is broken. */
export function gifFrames(bytes: Uint8Array): GifFrames {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.length < HEADER_BYTES) return { width: 0, height: 0, frames: [] }
  return { width: file.readUInt16LE(6), height: file.readUInt16LE(8), frames: framesIn(file) }
}

function* framesIn(file: Buffer): Generator<GifFrame, void, void> {
  let control: number | undefined
  let at = HEADER_BYTES + colourTableBytes(file[10])
  while (at + DESCRIPTOR_BYTES < file.length) {
    const block = file[at]
    if (block === EXTENSION) {
      if (file[at + 1] === GRAPHIC_CONTROL) control = at
      at = endOfBlocks(file, at + 2)
    } else if (block === IMAGE) {
      const codeBitsAt = at + DESCRIPTOR_BYTES + colourTableBytes(file[at + 9])
      const end = endOfBlocks(file, codeBitsAt + 1)
      const flags = control === undefined ? 0 : (file[control + 3] ?? 0)
      yield {
        control,
        start: at,
        left: file.readUInt16LE(at + 1),
        top: file.readUInt16LE(at + 3),
        width: file.readUInt16LE(at + 5),
        height: file.readUInt16LE(at + 7),
        disposal: (flags >> 2) & 7,
        isTransparent: (flags & 1) === 1,
        transparent: control === undefined ? 0 : (file[control + 6] ?? 0),
        isInterlaced: ((file[at + 9] ?? 0) & 0x40) !== 0,
        hasOwnPalette: ((file[at + 9] ?? 0) & 0x80) !== 0,
        end,
        codeBits: file[codeBitsAt] ?? 0,
        get data() {
          return joined(file, codeBitsAt + 1, end)
        },
      }
      control = undefined
      at = end
    } else return
  }
}

const HEADER_BYTES = 13
const DESCRIPTOR_BYTES = 10
const EXTENSION = 0x21
const GRAPHIC_CONTROL = 0xf9
const IMAGE = 0x2c

/** Returns the size in bytes of the colour table that the flags declare. */
export function colourTableBytes(flags: number | undefined): number {
  return flags !== undefined && flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
}

/** Returns the colours of a frame, three bytes each: its own table, or else the one of the file. */
export function colourTableOf(bytes: Uint8Array, { start }: GifFrame): Uint8Array {
  const own = colourTableBytes(bytes[start + DESCRIPTOR_BYTES - 1])
  const [from, length] =
    own > 0 ? [start + DESCRIPTOR_BYTES, own] : [HEADER_BYTES, colourTableBytes(bytes[10])]
  return bytes.subarray(from, from + length)
}

/** Returns whether all frames use the palette of the file, as far as the given bytes go. */
export function sharesPalette(bytes: Uint8Array): boolean {
  for (const { hasOwnPalette } of gifFrames(bytes).frames) if (hasOwnPalette) return false
  return true
}

/** Returns the offset after the sub-blocks that start at `start`, including their empty terminator. */
function endOfBlocks(file: Buffer, start: number): number {
  let at = start
  for (let length = file[at] ?? 0; length > 0; length = file[at] ?? 0) at += 1 + length
  return at + 1
}

/**
 * Joins the data of sub-blocks into one buffer. There may be as many sub-blocks as there are bytes, so no
 * list of them is built.
 */
function joined(file: Buffer, start: number, end: number): Buffer {
  const there = Math.min(end, file.length)
  const data = Buffer.allocUnsafeSlow(Math.max(0, there - start))
  let filled = 0
  for (let at = start; at < there; ) {
    const length = file[at] ?? 0
    filled += file.copy(data, filled, at + 1, at + 1 + length)
    at += 1 + length
  }
  return data.subarray(0, filled)
}
