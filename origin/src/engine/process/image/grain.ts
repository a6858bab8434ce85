import type { RawImage } from '../pixels/raw-image.ts'

/** The number of rows that are sampled. */
const SAMPLED_ROWS = 64
/**
 * About a tenth of the neighbouring pixels of a photograph are equal, and nine tenths of those of a drawing,
 * a screenshot or text.
 */
const GRAINY_BELOW = 0.4

/** Whether most pixels differ from their left neighbour. */
export function isGrainy({
  data,
  width,
  height,
  channels,
}: Pick<RawImage, 'data' | 'width' | 'height'> & { readonly channels: number }): boolean {
  const step = Math.max(1, Math.floor(height / SAMPLED_ROWS))
  let equal = 0
  let seen = 0
  for (let row = 0; row < height; row += step) {
    const start = row * width * channels
    for (let at = start + channels; at < start + width * channels; at += channels) {
      seen += 1
      if (isEqual(data, at, at - channels, channels)) equal += 1
    }
  }
  return seen > 0 && equal / seen < GRAINY_BELOW
}

function isEqual(data: Uint8Array, one: number, other: number, channels: number): boolean {
  for (let channel = 0; channel < channels; channel += 1) {
    if (data[one + channel] !== data[other + channel]) return false
  }
  return true
}
