/** The header of JPEG XL (ISO/IEC 18181-1, annex D), which Sharp does not read. */

import { boxesIn } from '../../../media/iso-boxes.ts'
import type { Size } from '../../../media/size.ts'

/** Pixels of a JPEG XL as it is shown, orientation applied; undefined where there is no header of one. */
export function jxlSize(bytes: Uint8Array): Size | undefined {
  const codestream = jxlCodestream(bytes)
  if (codestream === undefined) return undefined
  const bits = bitReader(codestream)
  const size = readSize(bits)
  return readOrientation(bits) > 4 ? { width: size.height, height: size.width } : size
}

/** The codestream: bare, or in the first box that holds (a part of) it. */
function jxlCodestream(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0x0a) return bytes.subarray(SIGNATURE_BYTES)
  for (const { type, start } of boxesIn(bytes)) {
    if (type === 'jxlc') return bytes.subarray(start + SIGNATURE_BYTES)
    if (type === 'jxlp') return bytes.subarray(start + PART_NUMBER_BYTES + SIGNATURE_BYTES)
  }
  return undefined
}

/** Before the header. */
const SIGNATURE_BYTES = 2
/** Before a part of a codestream. */
const PART_NUMBER_BYTES = 4

type BitReader = (count: number) => number

/** Bits from the lowest of each byte on; zeros behind the end. */
function bitReader(bytes: Uint8Array): BitReader {
  let at = 0
  return (count) => {
    let value = 0
    for (let bit = 0; bit < count; bit += 1, at += 1)
      value += (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) * 2 ** bit
    return value
  }
}

/** Widths for a height by the three bits that follow it; 0 says that the width follows itself. */
const RATIOS = [0, 1, 12 / 10, 4 / 3, 3 / 2, 16 / 9, 5 / 4, 2] as const
const SIDE_BITS = [9, 13, 18, 30] as const

function readSize(bits: BitReader): Size {
  const isSmall = bits(1) === 1
  const side = () => (isSmall ? 8 * (bits(5) + 1) : bits(SIDE_BITS[bits(2)] ?? 30) + 1)
  const height = side()
  const ratio = RATIOS[bits(3)] ?? 0
  return { width: ratio === 0 ? side() : Math.floor(height * ratio), height }
}

/** 1..8 as in EXIF. */
function readOrientation(bits: BitReader): number {
  const allDefault = bits(1) === 1
  const hasExtraFields = !allDefault && bits(1) === 1
  return hasExtraFields ? bits(3) + 1 : 1
}
