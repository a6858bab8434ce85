/**
 * The encoder settings of each output format. What they are worth on four photographs, with one thread, against the
 * picture before it is encoded (SSIMULACRA2), as `pnpm bench quality` measures it:
 *
 * | 550 pixels wide          | ms    | kB    | score |
 * | ------------------------ | ----- | ----- | ----- |
 * | WebP 80, effort 4        | 34.4  | 22.2  | 72.0  |
 * | WebP 80, effort 2        | 15.6  | 23.0  | 71.4  |
 * | WebP 80, effort 0        | 10.2  | 27.6  | 72.5  |
 * | AVIF 50, 4:4:4, effort 0 | 22.8  | 14.2  | 66.6  |
 * | AVIF 54, 4:2:0, effort 0 | 19.4  | 15.7  | 68.9  |
 * | AVIF 54, 4:2:0, effort 1 | 55.7  | 15.1  | 69.0  |
 * | JPEG 80, progressive     | 7.7   | 33.3  | 77.4  |
 * | JPEG 80, baseline        | 5.5   | 33.8  | 77.4  |
 * | PNG, level 9, no filters | 54.4  | 499   | 100   |
 * | PNG, level 6, filters    | 42.2  | 404   | 100   |
 * | PNG, level 9, filters    | 252   | 392   | 100   |
 */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { Sharp } from 'sharp'
import type { AnimationTiming } from '../pixels/strip.ts'

export interface EncodeOptions {
  readonly format: ImageFormat
  readonly quality: Quality
  /** The source's codec was exact: then `lossless` is too. */
  readonly sourceLossless: boolean
  /** The source was a palette: the only case in which a PNG may be one. */
  readonly sourcePalette: boolean
  /** A colour was laid below it or around it that the palette of the source need not have. */
  readonly isLaid: boolean
  /** Of the rendition. */
  readonly pixels: number
  readonly hasAlpha: boolean
  /** Most neighbours differ, as in a photograph, and not in a drawing. */
  readonly grainy: boolean
  /** Of an animation whose frames come as bare pixels; otherwise the source's own is kept. */
  readonly timing?: AnimationTiming
}

/**
 * Keeping a codec's noise exactly is waste: `lossless` of a lossy source is this quality instead, and JPEG,
 * which has no exact mode, always uses it.
 */
const NEAR_LOSSLESS_QUALITY = 95

const WEBP_EFFORT = 2
/** Effort 2 costs 40 % of the time and 4 % more bytes. */
const WEBP_LOSSLESS_EFFORT = 4
const AVIF_EFFORT = 0
/** Without patience drawings and edges of alpha are full of specks: 51 for 88 of a sticker, at a quarter more bytes. */
const AVIF_DRAWN_EFFORT = 1
/** Without filters a drawing is a quarter smaller at level 9 than at 8; with them the last levels cost ten times as much. */
const PNG_PLAIN = { compressionLevel: 9 }
const PNG_GRAINY = { compressionLevel: 6, adaptiveFiltering: true }

/** Adds the encoder to a pipeline. */
export function encode(pipeline: Sharp, options: EncodeOptions): Sharp {
  const { format, quality, sourceLossless, sourcePalette, isLaid, grainy, timing } = options
  const exact = quality === 'lossless' && sourceLossless
  const level = quality === 'lossless' ? NEAR_LOSSLESS_QUALITY : quality
  switch (format) {
    case 'jpeg':
      return pipeline.jpeg({ quality: level, progressive: true, optimiseCoding: true })
    case 'png':
      // Never a quality: Sharp would make a palette of it.
      return pipeline.png({
        ...(grainy ? PNG_GRAINY : PNG_PLAIN),
        palette: sourcePalette && quality !== 'lossless',
      })
    case 'webp':
      return pipeline.webp({
        ...(exact ? { lossless: true } : { quality: level }),
        effort: exact ? WEBP_LOSSLESS_EFFORT : WEBP_EFFORT,
        ...(timing && within16Bits(timing)),
      })
    case 'avif':
      return pipeline.avif(
        exact
          ? { lossless: true, effort: AVIF_EFFORT, chromaSubsampling: '4:4:4' }
          : {
              quality: avifQuality(level),
              effort: isDrawn(options) ? AVIF_DRAWN_EFFORT : AVIF_EFFORT,
              chromaSubsampling: keepsChroma(options) ? '4:4:4' : '4:2:0',
            },
      )
    case 'gif':
      // Otherwise Sharp paints with the colours of the source alone.
      return pipeline.gif({ ...(timing && within16Bits(timing)), reuse: !isLaid })
  }
}

const MOST_UINT16 = 0xffff

/** As much of it as Sharp takes: a minute for a frame, and more rounds than anybody counts. Other formats hold more of both. */
function within16Bits({ loop, delay }: AnimationTiming): AnimationTiming {
  const clamp = (value: number) => Math.min(MOST_UINT16, value)
  return { loop: clamp(loop), ...(delay && { delay: delay.map(clamp) }) }
}

/** Stickers, emojis, screenshots, drawings. */
function isDrawn({ hasAlpha, grainy }: EncodeOptions): boolean {
  return hasAlpha || !grainy
}

/** Red lines of a drawing would blur; of a small photograph chroma costs a fortieth. */
function keepsChroma(options: EncodeOptions): boolean {
  return isDrawn(options) || options.pixels <= SMALL_PIXELS
}

const SMALL_PIXELS = 256 * 256

/**
 * The AVIF setting of equal visual quality for a quality on the WebP and JPEG scale (1..100). Piecewise linear
 * between measured points.
 */
export function avifQuality(quality: number): number {
  const upper = AVIF_EQUIVALENTS.findIndex(([scale]) => scale >= quality)
  const [highScale, high] = AVIF_EQUIVALENTS[Math.max(1, upper)] ?? [100, 90]
  const [lowScale, low] = AVIF_EQUIVALENTS[Math.max(1, upper) - 1] ?? [1, 1]
  return Math.round(low + ((quality - lowScale) / (highScale - lowScale)) * (high - low))
}

const AVIF_EQUIVALENTS: readonly (readonly [scale: number, avif: number])[] = [
  [1, 1],
  [20, 22],
  [80, 54],
  [95, 70],
  [100, 90],
]
