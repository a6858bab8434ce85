import type { Quality } from '@media-proxy/shared/request/media-request.ts'

/** Encodes that are made at the most: each takes as long as the rendition itself. */
export const MAX_ENCODES = 4

/** What follows an exact encoding that is too large. */
const BELOW_LOSSLESS = 96
const LEAST_QUALITY = 1

interface Attempt {
  readonly quality: number
  readonly bytes: number
}

/**
 * The encoding of the largest quality, at most the asked one, that has no more than `maxBytes`, as far as four encodes can
 * find it. Where none of them fits, the smallest.
 */
export async function fitBytes(
  encodeAt: (quality: Quality) => Promise<Uint8Array>,
  asked: Quality,
  maxBytes: number,
): Promise<Uint8Array> {
  const first = await encodeAt(asked)
  if (first.length <= maxBytes) return first
  let smallest = first
  let above: Attempt = { quality: asked === 'lossless' ? BELOW_LOSSLESS : asked, bytes: first.length }
  let below: (Attempt & { readonly encoded: Uint8Array }) | undefined
  for (let left = MAX_ENCODES - 1; left > 0; left -= 1) {
    if (above.quality - (below?.quality ?? LEAST_QUALITY - 1) <= 1) break
    const isSecond = left === MAX_ENCODES - 1
    const isLastResort = left === 1 && below === undefined
    const quality = isLastResort ? LEAST_QUALITY : guess(below, above, maxBytes, isSecond)
    const encoded = await encodeAt(quality)
    const bytes = encoded.length
    if (bytes <= maxBytes) below = { quality, bytes, encoded }
    else above = { quality, bytes }
    if (bytes < smallest.length) smallest = encoded
  }
  return below?.encoded ?? smallest
}

/**
 * The quality that is likely to fit just so. Between two that are known bytes are taken for a power of the quality. The
 * exponent below a single one is that of photographs; where it was not enough, there is little to compress, and more is
 * given up at once. Measured on photographs at 400 pixels as JPEG and WebP: 0.92 to 0.98 of the largest quality that fits,
 * and never less than half of it.
 */
function guess(below: Attempt | undefined, above: Attempt, maxBytes: number, isSecond: boolean): number {
  const likely =
    below === undefined
      ? isSecond
        ? above.quality * (maxBytes / above.bytes) ** 1.6
        : 0.6 * above.quality * (maxBytes / above.bytes) ** 2
      : below.quality *
        (above.quality / below.quality) **
          (Math.log(maxBytes / below.bytes) / Math.log(above.bytes / below.bytes))
  const least = below === undefined ? LEAST_QUALITY : below.quality + 1
  return Math.min(above.quality - 1, Math.max(least, Math.floor(likely)))
}
