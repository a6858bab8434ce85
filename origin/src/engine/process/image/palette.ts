import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { decodingFailure } from '../pixels/decoding-failure.ts'
import { openRaw } from '../pixels/open-raw.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { sharp } from '../pixels/sharp.ts'
import { shrinkToRgba } from './small-image.ts'

const COLOURS = 5
/**
 * The number of colours that are distinguished first, so that a small area of a distinct colour is not mixed
 * with a large one.
 */
const REDUCED_COLOURS = 16
/** Colours closer to each other than this count as one. The distance from black to white is 441. */
const ALIKE = 48
const MAX_SIDE_PIXELS = 112
/** A pixel with less alpha than this shows more of what is behind it. */
const VISIBLE_ALPHA = 128

/**
 * Returns the five most representative colours of an image as `#rrggbb`, the most frequent first; fewer if it
 * has fewer. libvips reduces the image to sixteen colours, and similar ones are counted together. Undefined
 * when the image is entirely transparent. Fails with `undecodable`.
 */
export async function paletteOf(image: RawImage): Promise<readonly string[] | Failure | undefined> {
  const small = await shrinkToRgba(image, { maxSidePixels: MAX_SIDE_PIXELS })
  if (isFailure(small)) return small
  const seen = visiblePixels(small.data)
  if (seen.length === 0) return undefined
  try {
    const reduced = await openRaw({ data: seen, width: seen.length / 3, height: 1, channels: 3 })
      .png({ palette: true, colours: REDUCED_COLOURS, dither: 0 })
      .toBuffer()
    return rankColours(await sharp(reduced).removeAlpha().toColourspace('srgb').raw().toBuffer())
  } catch (error) {
    return decodingFailure(error)
  }
}

/** Returns the RGB of all pixels that are not transparent, in one row. */
function visiblePixels(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  let end = 0
  for (let at = 0; at < rgba.length; at += 4) {
    if ((rgba[at + 3] ?? 0) < VISIBLE_ALPHA) continue
    rgb.set(rgba.subarray(at, at + 3), end)
    end += 3
  }
  return rgb.subarray(0, end)
}

type Colour = readonly [red: number, green: number, blue: number]

function rankColours(rgb: Uint8Array): readonly string[] {
  const weights = new Map<string, number>()
  for (let at = 0; at < rgb.length; at += 3) {
    const colour = Buffer.from(rgb.subarray(at, at + 3)).toString('hex')
    weights.set(colour, (weights.get(colour) ?? 0) + 1)
  }
  const kept: { readonly name: string; readonly colour: Colour; weight: number }[] = []
  for (const [name, weight] of sortByWeight([...weights])) {
    const colour = colourOf(name)
    const alike = kept.find((other) => distance(other.colour, colour) < ALIKE)
    if (alike === undefined) kept.push({ name, colour, weight })
    else alike.weight += weight
  }
  const heaviest = sortByWeight(kept.map(({ name, weight }) => [name, weight] as const))
  return heaviest.slice(0, COLOURS).map(([name]) => `#${name}`)
}

/** Sorts by weight. Equal weights are sorted by name, so that the same image always has the same palette. */
function sortByWeight(
  weights: readonly (readonly [string, number])[],
): readonly (readonly [string, number])[] {
  return weights.toSorted(([a, more], [b, less]) => less - more || (a < b ? -1 : 1))
}

function colourOf(name: string): Colour {
  const number = Number.parseInt(name, 16)
  return [number >> 16, (number >> 8) & 255, number & 255]
}

function distance(a: Colour, b: Colour): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
}
