/** Builds a `srcset` of widths or densities, for `<img>`, `<source>` and CSS `image-set`. */

import { ASSET_SIZES, MAX_SIDE_PIXELS } from '../request/parameters.ts'
import type { AssetSize } from './parameters.ts'

/**
 * Returns a `srcset` for widths in pixels, such as `a.webp?width=320 320w, a.webp?width=640 640w`. `urlOf`
 * returns the URL for a width. Use it together with the attribute `sizes`.
 */
export function widthSrcset(widths: readonly number[], urlOf: (width: number) => string): string {
  return sortedUnique(widths)
    .map((width) => candidate(urlOf(width), `${width}w`))
    .join(', ')
}

/**
 * Returns a `srcset` for device pixel ratios, such as `a.webp?size=64 1x, a.webp?size=128 2x`. `urlOf`
 * returns the URL for a density, with `dpr` or with a multiplied size.
 */
export function densitySrcset<D extends number>(
  densities: readonly D[],
  urlOf: (density: D) => string,
): string {
  return sortedUnique(densities)
    .map((density) => candidate(urlOf(density), `${density}x`))
    .join(', ')
}

/** Returns the smallest asset size with at least this number of pixels, or the largest size when none has. */
export function assetSizeFor(pixels: number): AssetSize {
  return ASSET_SIZES.find((size) => size >= pixels) ?? MAX_SIDE_PIXELS
}

/**
 * Returns one candidate of a `srcset`. White space and commas in the URL are encoded, because white space
 * ends the URL, and a comma at its end would end the candidate (HTML, "srcset attributes").
 */
function candidate(url: string, descriptor: string): string {
  return `${url.replace(/[\s,]/g, (character) => encodeURIComponent(character))} ${descriptor}`
}

function sortedUnique<N extends number>(values: readonly N[]): readonly N[] {
  return [...new Set(values)].sort((a, b) => a - b)
}
