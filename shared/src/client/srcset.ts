/** `srcset` of an image: one URL for each width or density, for `<img>`, `<source>` and CSS `image-set`. */

import { ASSET_SIZES, MAX_SIDE_PIXELS } from '../request/parameters.ts'
import type { AssetSize } from './parameters.ts'

/**
 * A `srcset` of widths in pixels: `a.webp?width=320 320w, a.webp?width=640 640w`. `urlOf` makes the URL of one width.
 * Goes with `sizes`.
 */
export function widthSrcset(widths: readonly number[], urlOf: (width: number) => string): string {
  return sortedUnique(widths)
    .map((width) => candidate(urlOf(width), `${width}w`))
    .join(', ')
}

/**
 * A `srcset` of device pixel ratios: `a.webp?size=64 1x, a.webp?size=128 2x`. `urlOf` makes the URL of one density,
 * with `dpr` or by itself.
 */
export function densitySrcset<D extends number>(
  densities: readonly D[],
  urlOf: (density: D) => string,
): string {
  return sortedUnique(densities)
    .map((density) => candidate(urlOf(density), `${density}x`))
    .join(', ')
}

/** The smallest size an asset can be asked for that has at least so many pixels; the largest, where none has. */
export function assetSizeFor(pixels: number): AssetSize {
  return ASSET_SIZES.find((size) => size >= pixels) ?? MAX_SIDE_PIXELS
}

/** White space ends a candidate's URL and a comma at its end the candidate (HTML, "srcset attributes"). */
function candidate(url: string, descriptor: string): string {
  return `${url.replace(/[\s,]/g, (character) => encodeURIComponent(character))} ${descriptor}`
}

function sortedUnique<N extends number>(values: readonly N[]): readonly N[] {
  return [...new Set(values)].sort((a, b) => a - b)
}
