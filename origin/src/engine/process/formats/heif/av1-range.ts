/**
 * Reads from its sequence header whether an AV1 stream has full range (AV1 specification, sections 5.5.1 and
 * 5.5.2). libav reports full range for every grey image, even when it is not.
 */

/** Whether the coded image has full range. Undefined when it has no sequence header. */
export function isFullRangeAv1(coded: Uint8Array): boolean | undefined {
  const header = sequenceHeader(coded)
  return header && rangeOf(bitReader(header))
}

const SEQUENCE_HEADER = 1
/** The number of OBUs that are searched: the sequence header is among the first ones. */
const MAX_UNITS = 8

function sequenceHeader(coded: Uint8Array): Uint8Array | undefined {
  let at = 0
  for (let unit = 0; unit < MAX_UNITS && at < coded.length; unit += 1) {
    const head = coded[at] ?? 0
    at += (head & 4) === 0 ? 1 : 2
    let size = coded.length - at
    if ((head & 2) !== 0) {
      size = 0
      for (let shift = 0; shift < 35; shift += 7) {
        const byte = coded[at] ?? 0
        at += 1
        size += (byte & 0x7f) * 2 ** shift
        if (byte < 0x80) break
      }
    }
    if (((head >> 3) & 0xf) === SEQUENCE_HEADER) return coded.subarray(at, at + size)
    at += size
  }
  return undefined
}

type BitReader = (count: number) => number

function bitReader(bytes: Uint8Array): BitReader {
  let at = 0
  return (count) => {
    let value = 0
    for (let bit = 0; bit < count; bit += 1, at += 1)
      value = value * 2 + (((bytes[at >> 3] ?? 0) >> (7 - (at & 7))) & 1)
    return value
  }
}

function rangeOf(bits: BitReader): boolean {
  const profile = bits(3)
  bits(1)
  const isReduced = bits(1) === 1
  if (isReduced) bits(5)
  else skipOperatingPoints(bits)
  const [widthBits, heightBits] = [bits(4) + 1, bits(4) + 1]
  bits(widthBits)
  bits(heightBits)
  if (!isReduced && bits(1) === 1) bits(7)
  bits(3)
  if (!isReduced) skipTools(bits)
  bits(3)
  const isDeep = bits(1) === 1
  if (profile === 2 && isDeep) bits(1)
  const isMonochrome = profile !== 1 && bits(1) === 1
  const [primaries, transfer, matrix] = bits(1) === 1 ? [bits(8), bits(8), bits(8)] : [2, 2, 2]
  // sRGB with the identity matrix always has full range.
  return (!isMonochrome && primaries === 1 && transfer === 13 && matrix === 0) || bits(1) === 1
}

function skipOperatingPoints(bits: BitReader): void {
  let delayBits = 0
  if (bits(1) === 1) {
    bits(64)
    if (bits(1) === 1) skipVariableLength(bits)
    if (bits(1) === 1) {
      delayBits = bits(5) + 1
      bits(42)
    }
  }
  const hasDelay = bits(1) === 1
  for (let points = bits(5) + 1; points > 0; points -= 1) {
    bits(12)
    if (bits(5) > 7) bits(1)
    if (delayBits > 0 && bits(1) === 1) bits(2 * delayBits + 1)
    if (hasDelay && bits(1) === 1) bits(4)
  }
}

function skipVariableLength(bits: BitReader): void {
  let zeros = 0
  while (zeros < 32 && bits(1) === 0) zeros += 1
  bits(zeros)
}

function skipTools(bits: BitReader): void {
  bits(4)
  const hasOrder = bits(1) === 1
  if (hasOrder) bits(2)
  const forced = bits(1) === 1 ? 2 : bits(1)
  if (forced > 0 && bits(1) === 0) bits(1)
  if (hasOrder) bits(3)
}
