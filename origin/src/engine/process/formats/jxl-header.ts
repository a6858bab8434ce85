/** Reads the header of JPEG XL (ISO/IEC 18181-1, annex D), which Sharp does not read. */

import { boxesIn } from '../../../media/iso-boxes.ts'
import type { Size } from '../../../media/size.ts'

/**
 * Returns the size of a JPEG XL in pixels as shown, with its orientation applied. Undefined when the file has
 * no such header.
 */
export function jxlSize(bytes: Uint8Array): Size | undefined {
  const codestream = jxlCodestream(bytes)
  if (codestream === undefined) return undefined
  const bits = bitReader(codestream)
  const size = readSize(bits)
  return readOrientation(bits) > 4 ? { width: size.height, height: size.width } : size
}

/** Returns the codestream: the file itself, or the content of the first box that holds all or part of it. */
function jxlCodestream(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0x0a) return bytes.subarray(SIGNATURE_BYTES)
  for (const { type, start } of boxesIn(bytes)) {
    if (type === 'jxlc') return bytes.subarray(start + SIGNATURE_BYTES)
    if (type === 'jxlp') return bytes.subarray(start + PART_NUMBER_BYTES + SIGNATURE_BYTES)
  }
  return undefined
}

/** The bytes of the signature before the header. */
const SIGNATURE_BYTES = 2
/** The bytes of the part number before a part of a codestream. */
const PART_NUMBER_BYTES = 4

type BitReader = (count: number) => number

/**
 * Returns a function that reads bits, starting at the lowest bit of each byte. It returns zeros past the end.
 */
function bitReader(bytes: Uint8Array): BitReader {
  let at = 0
  return (count) => {
    let value = 0
    for (let bit = 0; bit < count; bit += 1, at += 1)
      value += (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) * 2 ** bit
    return value
  }
}

/**
 * The ratios of width to height, by the three bits that follow the height. 0 means that the width is stored
 * itself.
 */
const RATIOS = [0, 1, 12 / 10, 4 / 3, 3 / 2, 16 / 9, 5 / 4, 2] as const
const SIDE_BITS = [9, 13, 18, 30] as const

function readSize(bits: BitReader): Size {
  const isSmall = bits(1) === 1
  const side = () => (isSmall ? 8 * (bits(5) + 1) : bits(SIDE_BITS[bits(2)] ?? 30) + 1)
  const height = side()
  const ratio = RATIOS[bits(3)] ?? 0
  return { width: ratio === 0 ? side() : Math.floor(height * ratio), height }
}

/** Returns the orientation, 1..8 as in EXIF. */
function readOrientation(bits: BitReader): number {
  const allDefault = bits(1) === 1
  const hasExtraFields = !allDefault && bits(1) === 1
  return hasExtraFields ? bits(3) + 1 : 1
}
