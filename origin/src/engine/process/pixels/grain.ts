import type { RawImage } from './raw-image.ts'

export interface SampledPixels extends Pick<RawImage, 'data' | 'width' | 'height'> {
  readonly channels: number
}

/** The number of rows that are sampled. */
const SAMPLED_ROWS = 64
/**
 * About a tenth of the neighbouring pixels of a photograph are equal, and nine tenths of those of a drawing,
 * a screenshot or text.
 */
const GRAINY_BELOW = 0.4

/** Whether most pixels differ from their left neighbour. */
export function isGrainy(pixels: SampledPixels): boolean {
  return shareOfEqualNeighbours(pixels) < GRAINY_BELOW
}

/** Returns the share of pixels that are equal to their left neighbour, 0..1; 1 when there are no neighbours. */
export function shareOfEqualNeighbours({ data, width, height, channels }: SampledPixels): number {
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
  return seen === 0 ? 1 : equal / seen
}

function isEqual(data: Uint8Array, one: number, other: number, channels: number): boolean {
  for (let channel = 0; channel < channels; channel += 1) {
    if (data[one + channel] !== data[other + channel]) return false
  }
  return true
}
