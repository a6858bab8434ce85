/**
 * Every query parameter in words and in values: what the playground makes its controls of and the documents their
 * tables. The grammar itself is `parameters.ts`; a test holds the two together.
 */

import { ASSET_SIZES, DEFAULT_ASSET_SIZE, DPRS, MAX_FPS, MAX_SIDE_PIXELS } from './parameters.ts'

export interface ParameterGuide {
  readonly name: string
  /** Which URLs have it: assets, emojis and stickers; attachments and external media; both. */
  readonly on: 'asset' | 'transformation' | 'both'
  readonly values: ParameterValues
  /** What holds where it is not given. */
  readonly otherwise: string
  readonly summary: string
  /** A query that shows what it does. */
  readonly example: string
}

export type ParameterValues =
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  | { readonly kind: 'number'; readonly min: number; readonly max: number; readonly unit: string }
  /** A named quality, or a number. */
  | {
      readonly kind: 'quality'
      readonly names: readonly string[]
      readonly min: number
      readonly max: number
    }
  | { readonly kind: 'flag' }
  /** Seconds, a whole percentage, or `best`. */
  | { readonly kind: 'time' }
  | { readonly kind: 'seconds'; readonly min: number }

const PIXELS = { kind: 'number', min: 1, max: MAX_SIDE_PIXELS, unit: 'px' } as const

export const PARAMETER_GUIDE: readonly ParameterGuide[] = [
  {
    name: 'size',
    on: 'asset',
    values: { kind: 'choice', of: ASSET_SIZES.map(String) },
    otherwise: String(DEFAULT_ASSET_SIZE),
    summary:
      'Bounds the width in pixels; of stickers both sides. Never enlarges. Another number counts as the next larger one.',
    example: 'size=64',
  },
  {
    name: 'width',
    on: 'transformation',
    values: PIXELS,
    otherwise: "the source's, or from the height",
    summary: 'Width in pixels. Never enlarges.',
    example: 'width=200',
  },
  {
    name: 'height',
    on: 'transformation',
    values: PIXELS,
    otherwise: "the source's, or from the width",
    summary: 'Height in pixels. Never enlarges.',
    example: 'height=100',
  },
  {
    name: 'fit',
    on: 'transformation',
    values: { kind: 'choice', of: ['cover', 'contain', 'inside'] },
    otherwise: 'cover',
    summary: 'What happens where both sides are given: cut to fill, pad to fit, or only fit.',
    example: 'width=200&height=200&fit=contain',
  },
  {
    name: 'gravity',
    on: 'transformation',
    values: { kind: 'choice', of: ['centre', 'north', 'east', 'south', 'west', 'attention', 'entropy'] },
    otherwise: 'centre',
    summary: 'Which part of the picture is kept by a cut.',
    example: 'width=120&height=200&gravity=east',
  },
  {
    name: 'format',
    on: 'both',
    values: { kind: 'choice', of: ['png', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'mp4', 'webm', 'auto'] },
    otherwise: "the extension's, or the source's own",
    summary:
      'Format of the answer. `auto`: AVIF or WebP to whoever names it in `Accept`. Of a video: a still. `mp4` and `webm`, of ' +
      'attachments and external media that move: a clip, with `fit=inside`.',
    example: 'width=200&format=webp',
  },
  {
    name: 'quality',
    on: 'both',
    values: { kind: 'quality', names: ['high', 'low', 'lossless'], min: 1, max: 100 },
    otherwise: 'high',
    summary: 'On the scale of WebP and JPEG: `high` is 80, `low` is 20; `lossless` keeps every pixel.',
    example: 'width=200&format=webp&quality=5',
  },
  {
    name: 'animated',
    on: 'both',
    values: { kind: 'flag' },
    otherwise: 'true for `a_` hashes as gif, webp, avif or apng, and for emojis and stickers as gif or apng',
    summary: 'Keeps the animation, where the format can hold one; of a film a preview that moves.',
    example: 'width=100&format=webp&animated=true',
  },
  {
    name: 'dpr',
    on: 'both',
    values: { kind: 'choice', of: DPRS.map(String) },
    otherwise: '1',
    summary: 'Device pixel ratio: multiplies the wanted sides.',
    example: 'width=100&dpr=2',
  },
  {
    name: 'blur',
    on: 'both',
    values: { kind: 'number', min: 1, max: 100, unit: 'px' },
    otherwise: 'none',
    summary: 'Gaussian blur, for spoilers and content warnings.',
    example: 'width=200&blur=8',
  },
  {
    name: 'time',
    on: 'transformation',
    values: { kind: 'time' },
    otherwise: 'the first frame that decodes',
    summary:
      'Moment of a video, in seconds or as a whole percentage; `best`: of eight evenly spaced frames one that is neither ' +
      'black, nor blank, nor blurred. Of a clip where it begins.',
    example: 'width=200&format=webp&time=75%25',
  },
  {
    name: 'duration',
    on: 'transformation',
    values: { kind: 'seconds', min: 0.01 },
    otherwise: 'as long as the source and clips may be; of a preview 4',
    summary: 'Longest duration of a clip or a preview, in seconds.',
    example: 'width=200&format=webp&animated=true&duration=1',
  },
  {
    name: 'fps',
    on: 'transformation',
    values: { kind: 'number', min: 1, max: MAX_FPS, unit: 'a second' },
    otherwise: "the source's; of a preview 15",
    summary: 'Most pictures a second of a clip or a preview.',
    example: 'width=200&format=webp&animated=true&fps=3',
  },
  {
    name: 'audio',
    on: 'transformation',
    values: { kind: 'flag' },
    otherwise: 'true',
    summary: 'Whether a clip has the sound of its source.',
    example: 'width=200&format=mp4&audio=false',
  },
  {
    name: 'download',
    on: 'both',
    values: { kind: 'flag' },
    otherwise: 'false',
    summary: 'Answers a file to keep: `Content-Disposition: attachment`.',
    example: 'download=true',
  },
]
