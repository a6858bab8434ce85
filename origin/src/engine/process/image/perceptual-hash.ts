import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { RawPicture } from '../pixels/raw-picture.ts'
import { smallOf } from './small-picture.ts'

/** The picture is looked at in so many pixels a side, and so many of its lowest frequencies a side are kept. */
const SIDE = 32
const KEPT = 8

/**
 * The perceptual hash of a picture on white: 64 bits as 16 hexadecimal digits, of which few differ between pictures that
 * look alike. Grey, 32 by 32, discrete cosine transform; each of the lowest 8 by 8 frequencies gives a one where it is
 * above their median, row by row. That is pHash as C. Zauner describes it ("Implementation and benchmarking of perceptual
 * image hash functions", 2010, section 3.2.1), with the bits of `phash` of Python's ImageHash. Fails with `undecodable`.
 */
export async function perceptualHashOf(picture: RawPicture): Promise<string | Failure> {
  const small = await smallOf(picture, { squarePixels: SIDE, background: 'white' })
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

/** ITU-R BT.601, as most that compute this hash do. */
function luma(rgba: Uint8Array, at: number): number {
  const [red = 0, green = 0, blue = 0] = rgba.subarray(at * 4, at * 4 + 3)
  return 0.299 * red + 0.587 * green + 0.114 * blue
}

/**
 * Seven times what a frequency deviates by because levels are whole. Of plain and symmetric pictures most frequencies are
 * nought: without this each of them would be above their median or not by chance, and the same square as JPEG, or half as
 * large, would differ in fourteen bits instead of four.
 */
const NOISE = 32

/** The part of a DCT-II that is kept, without the factors that are the same for all. */
function lowFrequencies(grey: Float64Array): Float64Array {
  // Rows first: what is kept of them, then columns.
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
