import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { shrinkToRgba } from './small-image.ts'

/** The image is scaled to `SIDE` pixels per side, and the lowest `KEPT` frequencies per side are kept. */
const SIDE = 32
const KEPT = 8

/**
 * Computes the perceptual hash of an image on white: 64 bits as 16 hexadecimal digits, few of which differ
 * between images that look alike. The image is converted to grey, scaled to 32 by 32 pixels, and transformed
 * by a discrete cosine transform. Each of the lowest 8 by 8 frequencies gives a one if it is above their
 * median, row by row. This is pHash as described by C. Zauner ("Implementation and benchmarking of perceptual
 * image hash functions", 2010, section 3.2.1), with the bits of `phash` of Python's ImageHash. Fails with
 * `undecodable`.
 */
export async function perceptualHashOf(image: RawImage): Promise<string | Failure> {
  const small = await shrinkToRgba(image, { squarePixels: SIDE, background: 'white' })
  if (isFailure(small)) return small
  const grey = Float64Array.from({ length: SIDE * SIDE }, (_, at) => luma(small.data, at))
  const frequencies = lowFrequencies(grey)
  const sorted = frequencies.toSorted()
  const median = ((sorted[sorted.length / 2 - 1] ?? 0) + (sorted[sorted.length / 2] ?? 0)) / 2
  const bits = [...frequencies].map((frequency) => (frequency > median ? '1' : '0')).join('')
  return BigInt(`0b${bits}`)
    .toString(16)
    .padStart((KEPT * KEPT) / 4, '0')
}

/** The weights of ITU-R BT.601, which most implementations of this hash use. */
function luma(rgba: Uint8Array, at: number): number {
  const [red = 0, green = 0, blue = 0] = rgba.subarray(at * 4, at * 4 + 3)
  return 0.299 * red + 0.587 * green + 0.114 * blue
}

/**
 * The step to which frequencies are rounded: seven times the deviation of a frequency that the rounding of
 * grey levels causes. Most frequencies of plain and symmetric images are zero. Without this step, chance
 * would decide which of them are above the median, and the same square as a JPEG, or at half its size, would
 * differ in fourteen bits instead of four.
 */
const NOISE = 32

/** Computes the kept part of a DCT-II, without the factors that are the same for all frequencies. */
function lowFrequencies(grey: Float64Array): Float64Array {
  // Rows first, keeping the low frequencies, then columns.
  const rows = new Float64Array(SIDE * KEPT)
  for (let y = 0; y < SIDE; y += 1)
    for (let u = 0; u < KEPT; u += 1) {
      let sum = 0
      for (let x = 0; x < SIDE; x += 1) sum += (grey[y * SIDE + x] ?? 0) * cosine(x, u)
      rows[y * KEPT + u] = sum
    }
  const kept = new Float64Array(KEPT * KEPT)
  for (let v = 0; v < KEPT; v += 1)
    for (let u = 0; u < KEPT; u += 1) {
      let sum = 0
      for (let y = 0; y < SIDE; y += 1) sum += (rows[y * KEPT + u] ?? 0) * cosine(y, v)
      kept[v * KEPT + u] = Math.round(sum / NOISE) * NOISE
    }
  return kept
}

function cosine(position: number, frequency: number): number {
  return Math.cos((Math.PI * frequency * (2 * position + 1)) / (2 * SIDE))
}
