/** Reads and writes the LZW coding of a GIF's pixels (GIF89a, appendix F). */

/** How many pixels of a frame could be read. */
export interface LzwReach {
  /** At most the number that was asked for. */
  readonly pixels: number
  /** Whether the end code was found, or the data holds more pixels than were asked for. */
  readonly isEnded: boolean
}

const MAX_CODE_BITS = 12
const MAX_CODES = 1 << MAX_CODE_BITS
/** The maximum number of pixels of one code. */
export const MAX_RUN = MAX_CODES
const NONE = -1

/**
 * Decodes up to `pixelCount` pixels, or up to the first invalid code. Writes them to `output` when it is given.
 * The last run may extend past `pixelCount`.
 */
export function readLzw(
  data: Uint8Array,
  codeBits: number,
  pixelCount: number,
  output?: Uint8Array,
): LzwReach {
  if (codeBits < 1 || codeBits > 8) return { pixels: 0, isEnded: false }
  const clear = 1 << codeBits
  const end = clear + 1
  const prefixes = new Uint16Array(MAX_CODES)
  const lasts = new Uint8Array(MAX_CODES)
  const firsts = new Uint8Array(MAX_CODES)
  const lengths = new Uint32Array(MAX_CODES)
  for (let code = 0; code < clear; code += 1) {
    lasts[code] = code
    firsts[code] = code
    lengths[code] = 1
  }
  let [bits, next, previous, pixels, held, buffer] = [codeBits + 1, end + 1, NONE, 0, 0, 0]
  // By index: before V8 optimises a loop, an iterator allocates an object for each byte.
  for (let index = 0; index < data.length; index += 1) {
    buffer |= (data[index] ?? 0) << held
    held += 8
    while (held >= bits) {
      const code = buffer & ((1 << bits) - 1)
      buffer >>>= bits
      held -= bits
      if (code === end) return { pixels, isEnded: true }
      if (code === clear) {
        bits = codeBits + 1
        next = end + 1
        previous = NONE
        continue
      }
      // A code equal to `next` is not in the table yet: it stands for the previous string followed by its
      // first pixel.
      if (code > next || (code >= clear && previous === NONE) || (code === next && next === MAX_CODES))
        return { pixels, isEnded: false }
      if (previous !== NONE && next < MAX_CODES) {
        prefixes[next] = previous
        firsts[next] = firsts[previous] ?? 0
        lasts[next] = firsts[code === next ? previous : code] ?? 0
        lengths[next] = (lengths[previous] ?? 0) + 1
        next += 1
        if (next === 1 << bits && bits < MAX_CODE_BITS) bits += 1
      }
      const length = lengths[code] ?? 0
      if (output !== undefined)
        for (let at = pixels + length - 1, part = code; at >= pixels; at -= 1) {
          output[at] = lasts[part] ?? 0
          part = prefixes[part] ?? 0
        }
      pixels += length
      previous = code
      if (pixels > pixelCount) return { pixels: pixelCount, isEnded: true }
    }
  }
  return { pixels, isEnded: false }
}

const PLAIN_BITS = 8
/** The number of pixels after which the code table is cleared, so that codes never need another bit. */
const PLAIN_RUN = (1 << PLAIN_BITS) - 2
const MAX_BLOCK_BYTES = 255

/**
 * Writes pixels as uncompressed LZW: each pixel is one code of nine bits. Returns the minimum code size byte
 * followed by the sub-blocks.
 */
export function writePlainLzw(indices: Uint8Array): Uint8Array {
  const clears = Math.ceil(indices.length / PLAIN_RUN)
  const codeBytes = Math.ceil(((indices.length + clears + 1) * (PLAIN_BITS + 1)) / 8)
  const output = Buffer.alloc(1 + codeBytes + Math.ceil(codeBytes / MAX_BLOCK_BYTES) + 1)
  output[0] = PLAIN_BITS
  let [at, written, held, buffer] = [1, 0, 0, 0]
  const putByte = () => {
    if (written % MAX_BLOCK_BYTES === 0) {
      output[at] = Math.min(MAX_BLOCK_BYTES, codeBytes - written)
      at += 1
    }
    output[at] = buffer & 0xff
    at += 1
    written += 1
  }
  const put = (code: number) => {
    buffer |= code << held
    for (held += PLAIN_BITS + 1; held >= 8; held -= 8, buffer >>>= 8) putByte()
  }
  for (let index = 0; index < indices.length; index += 1) {
    if (index % PLAIN_RUN === 0) put(1 << PLAIN_BITS)
    put(indices[index] ?? 0)
  }
  put((1 << PLAIN_BITS) + 1)
  if (held > 0) putByte()
  return output
}
