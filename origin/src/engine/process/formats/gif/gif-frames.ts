/** The structure of a GIF (GIF89a): where its frames stand and how each is shown. */

export interface GifFrames {
  readonly width: number
  readonly height: number
  /** Those that are there, the last one perhaps without all of its data; read as they are asked for. */
  readonly frames: Iterable<GifFrame>
}

export interface GifFrame {
  /** Where its graphic control stands; undefined where it has none. */
  readonly control: number | undefined
  /** Where its own descriptor stands. */
  readonly start: number
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  /** 0 and 1 leave it, 2 clears its part, 3 brings back what was before. */
  readonly disposal: number
  readonly isTransparent: boolean
  /** The index that is, where one is. */
  readonly transparent: number
  readonly isInterlaced: boolean
  /** Where the next block stands. */
  readonly end: number
  /** Bits of a colour in the coded pixels. */
  readonly codeBits: number
  /** The coded pixels. */
  readonly data: Uint8Array
}

/** Reads the frames up to the end, or to where the structure breaks. */
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
        ...{ control, start: at, left: file.readUInt16LE(at + 1), top: file.readUInt16LE(at + 3) },
        ...{ width: file.readUInt16LE(at + 5), height: file.readUInt16LE(at + 7) },
        disposal: (flags >> 2) & 7,
        isTransparent: (flags & 1) === 1,
        transparent: control === undefined ? 0 : (file[control + 6] ?? 0),
        isInterlaced: ((file[at + 9] ?? 0) & 0x40) !== 0,
        end,
        codeBits: file[codeBitsAt] ?? 0,
        data: joined(file, codeBitsAt + 1, end),
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

/** Bytes of the colour table that flags announce. */
export function colourTableBytes(flags: number | undefined): number {
  return flags !== undefined && flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
}

/** Where the sub-blocks end that begin at `start`: behind the empty one. */
function endOfBlocks(file: Buffer, start: number): number {
  let at = start
  for (let length = file[at] ?? 0; length > 0; length = file[at] ?? 0) at += 1 + length
  return at + 1
}

/** The bytes of sub-blocks, of which there may be as many as there are bytes. */
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
