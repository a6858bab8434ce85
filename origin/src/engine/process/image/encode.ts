/**
 * The encoder settings of each output format. Results on four photographs, with one thread, compared with the
 * image before it is encoded (SSIMULACRA2), as `pnpm bench quality` measures them:
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
 * | PNG, level 5, filters    | 36.0  | 408   | 100   |
 * | PNG, level 6, filters    | 42.2  | 404   | 100   |
 * | PNG, level 9, filters    | 252   | 392   | 100   |
 */

import type { ImageFormat } from '@media-proxy/shared/formats.ts'
import type { Quality } from '@media-proxy/shared/request/media-request.ts'
import type { Sharp } from 'sharp'
import type { Size } from '../../../media/size.ts'
import { choosesPalettesQuickly } from '../../gif-effort.ts'
import { pngCompression } from '../formats/png/png-filters.ts'
import type { AnimationTiming } from '../pixels/strip.ts'
import { inHundredths } from './gif-delays.ts'

export interface EncodeOptions {
  readonly format: ImageFormat
  readonly quality: Quality
  /** Whether the source's codec is lossless. Only then is `lossless` lossless too. */
  readonly sourceLossless: boolean
  /** Whether the source has a palette. Only then may a PNG have one. */
  readonly sourcePalette: boolean
  /**
   * Whether a background colour was composed below it or around it, which the source's palette need not
   * contain.
   */
  readonly isFlattened: boolean
  /** The size of the rendition, and the number of its frames. */
  readonly size: Size
  readonly frames: number
  readonly hasAlpha: boolean
  /** Whether most neighbouring pixels differ, as in a photograph and unlike in a drawing. For AVIF. */
  readonly grainy: boolean
  /** Whether the rows of a PNG are filtered before they are compressed. */
  readonly filtered: boolean
  /** Whether a JPEG is coded in several passes, from coarse to fine: 1 % fewer bytes for 2 ms more. */
  readonly progressive: boolean
  /** The timing of an animation. Undefined when that of the source is kept. */
  readonly timing?: AnimationTiming | undefined
}

/**
 * The quality that `lossless` means for a lossy source, because encoding a codec's noise exactly would waste
 * bytes. JPEG, which has no lossless mode, always uses it.
 */
const NEAR_LOSSLESS_QUALITY = 95

/** Compared with effort 4, effort 2 takes 40 % of the time and produces 4 % more bytes. */
export const WEBP_EFFORT = 2
const WEBP_LOSSLESS_EFFORT = 4
const AVIF_EFFORT = 0
/**
 * At effort 0 drawings and alpha edges are full of specks: a sticker scores 51 instead of 88, with a quarter
 * more bytes.
 */
const AVIF_DRAWN_EFFORT = 1

/**
 * The effort in choosing palettes. Frames of film and drawings at 256x256, per megapixel: 1 takes 0.2 to 0.55
 * seconds, 4 takes 0.25 to 0.8, and 7 takes 0.5 to 2.6. Noise takes 0.7, 1 and 6.
 */
const GIF_EFFORT = 7
const GIF_QUICK_EFFORT = 1

/** Adds the encoder to a pipeline. */
export function encode(pipeline: Sharp, options: EncodeOptions): Sharp {
  const { format, quality, sourceLossless, sourcePalette, isFlattened, filtered, progressive, timing } =
    options
  const exact = quality === 'lossless' && sourceLossless
  const level = quality === 'lossless' ? NEAR_LOSSLESS_QUALITY : quality
  switch (format) {
    case 'jpeg':
      return pipeline.jpeg({ quality: level, progressive, optimiseCoding: true })
    case 'png':
      // No `quality` is set, because Sharp would then write a palette.
      return pipeline.png({
        ...pngCompression(filtered),
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
      // Otherwise Sharp uses only the colours of the source's palette.
      return pipeline.gif({
        ...(timing && within16Bits(inHundredths(timing))),
        reuse: !isFlattened,
        effort: choosesPalettesQuickly(options.size, options.frames) ? GIF_QUICK_EFFORT : GIF_EFFORT,
      })
  }
}

const MAX_UINT16 = 0xffff

/**
 * Clamps the timing to what Sharp accepts: about a minute per frame, and 65535 repetitions. Other formats
 * allow more of both.
 */
function within16Bits({ loop, delay }: AnimationTiming): AnimationTiming {
  const clamp = (value: number) => Math.min(MAX_UINT16, value)
  return { loop: clamp(loop), ...(delay && { delay: delay.map(clamp) }) }
}

/** Whether it is likely a sticker, an emoji, a screenshot or a drawing. */
function isDrawn({ hasAlpha, grainy }: EncodeOptions): boolean {
  return hasAlpha || !grainy
}

/**
 * Whether chroma is kept at full resolution. 4:2:0 would blur the red lines of a drawing. For a small
 * photograph full chroma adds a fortieth to the bytes.
 */
function keepsChroma(options: EncodeOptions): boolean {
  return isDrawn(options) || options.size.width * options.size.height <= SMALL_PIXELS
}

const SMALL_PIXELS = 256 * 256

/**
 * Returns the AVIF quality that looks like a quality on the scale of WebP and JPEG (1..100). Piecewise linear
 * between measured points.
 */
function avifQuality(quality: number): number {
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
