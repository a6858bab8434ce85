/**
 * The description and the values of every query parameter, from which the controls of the playground and the
 * tables of the documents are generated. The grammar itself is in `parameters.ts`; a test keeps the two
 * consistent.
 */

import { CLIP_FORMATS, IMAGE_FORMAT_NAMES } from '../formats.ts'
import {
  FLIPS,
  MAX_MAX_BYTES,
  MAX_PAD_PIXELS,
  MAX_SHARPEN,
  MIN_MAX_BYTES,
  ROTATIONS,
} from './image-operations.ts'
import { FITS, GRAVITIES } from './media-request.ts'
import { ASSET_SIZES, DEFAULT_ASSET_SIZE, DPRS, MAX_FPS, MAX_SIDE_PIXELS } from './parameters.ts'

export interface ParameterGuide {
  readonly name: string
  /** The URLs that accept it: assets, emojis and stickers; attachments and external media; or both. */
  readonly on: 'asset' | 'transformation' | 'both'
  readonly values: ParameterValues
  /** The default, in words. */
  readonly defaultText: string
  readonly summary: string
  /** A query that shows its effect. */
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
  /** Free text. */
  | {
      readonly kind: 'text'
      /** The accepted values, in words. */
      readonly words: string
      /** The accepted values, as a JSON Schema regular expression. */
      readonly pattern: string
      readonly placeholder: string
      readonly examples: readonly string[]
      readonly invalidExamples: readonly string[]
    }
  /** Seconds, a whole percentage, or `best`. */
  | { readonly kind: 'time' }
  | { readonly kind: 'seconds'; readonly min: number }

export const PRESET_NAME_PATTERN = '^[A-Za-z0-9_-]{1,40}$'

const FRACTION = '0\\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9])'
const CROP_PATTERN =
  '^((0|[1-9][0-9]{0,4}),(0|[1-9][0-9]{0,4}),[1-9][0-9]{0,4},[1-9][0-9]{0,4}|' +
  `0(\\.[0-9]{1,4})?,0(\\.[0-9]{1,4})?,(${FRACTION}|1(\\.0{1,4})?),(${FRACTION}|1(\\.0{1,4})?))$`

const PIXELS = { kind: 'number', min: 1, max: MAX_SIDE_PIXELS, unit: 'px' } as const

export const PARAMETER_GUIDE: readonly ParameterGuide[] = [
  {
    name: 'size',
    on: 'asset',
    values: { kind: 'choice', of: ASSET_SIZES.map(String) },
    defaultText: String(DEFAULT_ASSET_SIZE),
    summary:
      'Limits the width in pixels; for stickers, both sides. Never enlarges. A number that is not listed is rounded up to the next larger one.',
    example: 'size=64',
  },
  {
    name: 'width',
    on: 'transformation',
    values: PIXELS,
    defaultText: 'the width of the source, or computed from the height',
    summary: 'The width in pixels. Never enlarges.',
    example: 'width=200',
  },
  {
    name: 'height',
    on: 'transformation',
    values: PIXELS,
    defaultText: 'the height of the source, or computed from the width',
    summary: 'The height in pixels. Never enlarges.',
    example: 'height=100',
  },
  {
    name: 'fit',
    on: 'transformation',
    values: { kind: 'choice', of: FITS },
    defaultText: 'cover',
    summary:
      'How the image fits when both sides are given: `cover` crops it to fill them, `contain` pads it, and `inside` only scales it.',
    example: 'width=200&height=200&fit=contain',
  },
  {
    name: 'gravity',
    on: 'transformation',
    values: { kind: 'choice', of: GRAVITIES },
    defaultText: 'centre',
    summary:
      'The part of the image that cropping keeps. `attention` looks for bright colours and skin, `entropy` for detail, and ' +
      '`face` for the faces of a portrait; without a face, `face` works like `attention`.',
    example: 'width=120&height=200&gravity=east',
  },
  {
    name: 'format',
    on: 'both',
    values: { kind: 'choice', of: [...IMAGE_FORMAT_NAMES, ...CLIP_FORMATS, 'auto'] },
    defaultText: 'the format of the extension, or of the source',
    summary:
      'The format of the response. `auto` gives AVIF or WebP to clients that list it in `Accept`. An image format makes a ' +
      'still of a video. `mp4` and `webm` make a clip, with `fit=inside`, of attachments and external media that move.',
    example: 'width=200&format=webp',
  },
  {
    name: 'quality',
    on: 'both',
    values: { kind: 'quality', names: ['high', 'low', 'lossless'], min: 1, max: 100 },
    defaultText: 'high',
    summary:
      'The quality on the scale of WebP and JPEG: `high` is 80, `low` is 20, and `lossless` keeps every pixel.',
    example: 'width=200&format=webp&quality=5',
  },
  {
    name: 'animated',
    on: 'both',
    values: { kind: 'flag' },
    defaultText:
      'true for `a_` hashes as gif, webp, avif or apng, and for emojis and stickers as gif or apng',
    summary: 'Keeps the animation when the format supports one. For a video, makes an animated preview.',
    example: 'width=100&format=webp&animated=true',
  },
  {
    name: 'dpr',
    on: 'both',
    values: { kind: 'choice', of: DPRS.map(String) },
    defaultText: '1',
    summary: 'The device pixel ratio, by which the requested sides are multiplied.',
    example: 'width=100&dpr=2',
  },
  {
    name: 'blur',
    on: 'both',
    values: { kind: 'number', min: 1, max: 100, unit: 'px' },
    defaultText: 'none',
    summary: 'A Gaussian blur, for spoilers and content warnings.',
    example: 'width=200&blur=8',
  },
  {
    name: 'crop',
    on: 'both',
    values: {
      kind: 'text',
      words:
        'x,y,width,height in pixels of the upright source, or as fractions of its size with decimal points',
      pattern: CROP_PATTERN,
      placeholder: '0.25,0,0.5,1',
      examples: ['0,0,1,1', '10,20,300,400', '0.25,0,0.5,1', '0.3333,0.1,0.9,0.9', '0,0,1.0,1.0'],
      invalidExamples: [
        '1,2,3',
        '1,2,3,4,5',
        '0,0,0,10',
        '-1,0,2,2',
        '1.0,0,0.5,1',
        '0,0,1.5,1',
        '0,0,0.12345,1',
        '01,0,1,1',
      ],
    },
    defaultText: 'the whole image',
    summary: 'The part of the image that is used. It is cropped before any other operation.',
    example: 'crop=0.5,0.3,0.4,0.6&width=200',
  },
  {
    name: 'trim',
    on: 'both',
    values: { kind: 'flag' },
    defaultText: 'false',
    summary: 'Removes borders that are transparent or of one colour. Animations are not trimmed.',
    example: 'width=200&trim=true',
  },
  {
    name: 'rotate',
    on: 'both',
    values: { kind: 'choice', of: ROTATIONS.map(String) },
    defaultText: 'upright',
    summary: 'Rotates by degrees clockwise. Width and height apply to the rotated image.',
    example: 'width=150&rotate=90',
  },
  {
    name: 'flip',
    on: 'both',
    values: { kind: 'choice', of: FLIPS },
    defaultText: 'none',
    summary: 'Mirrors the rotated image: `h` swaps left and right, `v` top and bottom.',
    example: 'width=200&flip=h',
  },
  {
    name: 'pad',
    on: 'both',
    values: {
      kind: 'text',
      words: `one to four numbers of pixels in the order of CSS, each at most ${MAX_PAD_PIXELS}`,
      pattern: '^(0|[1-9][0-9]{0,2}|1000)(,(0|[1-9][0-9]{0,2}|1000)){0,3}$',
      placeholder: '10 or 5,20',
      examples: ['0', '10', '5,20', '1,2,3', '1,2,3,4', String(MAX_PAD_PIXELS)],
      invalidExamples: ['-1', '1.5', '1,2,3,4,5', '1,', String(MAX_PAD_PIXELS + 1)],
    },
    defaultText: '0',
    summary:
      'Adds a border around the scaled image: transparent, white in JPEG, or of the `background` colour.',
    example: 'width=180&pad=10&background=f59e0b',
  },
  {
    name: 'background',
    on: 'both',
    values: {
      kind: 'text',
      words: 'a colour as six hexadecimal digits, such as ffffff',
      pattern: '^[0-9A-Fa-f]{6}$',
      placeholder: 'ffffff',
      examples: ['000000', 'ffFFff', '12ab9e'],
      invalidExamples: ['fff', '#ffffff', 'red', 'gggggg', 'ffffff00'],
    },
    defaultText: 'transparent; white in JPEG',
    summary: 'The colour that fills transparent areas and the areas that `fit=contain` and `pad` add.',
    example: 'width=200&height=200&fit=contain&background=1e3a5f',
  },
  {
    name: 'sharpen',
    on: 'both',
    values: { kind: 'number', min: 1, max: MAX_SHARPEN, unit: 'strength' },
    defaultText: 'none',
    summary: 'Sharpens the scaled image. 2 is already strong.',
    example: 'width=200&sharpen=4',
  },
  {
    name: 'maxbytes',
    on: 'both',
    values: { kind: 'number', min: MIN_MAX_BYTES, max: MAX_MAX_BYTES, unit: 'bytes' },
    defaultText: 'no limit',
    summary:
      'The largest size of the response in bytes. The quality is lowered to meet it, in at most four attempts; when none is small enough, the smallest is returned. Has no effect on PNG and GIF.',
    example: 'width=200&format=webp&maxbytes=2000',
  },
  {
    name: 'time',
    on: 'transformation',
    values: { kind: 'time' },
    defaultText: 'the first frame that decodes',
    summary:
      'The position in a video, in seconds or as a whole percentage. `best` chooses, among eight evenly spaced frames, one ' +
      'that is neither black, nor blank, nor blurred. For a clip, its start.',
    example: 'width=200&format=webp&time=75%25',
  },
  {
    name: 'duration',
    on: 'transformation',
    values: { kind: 'seconds', min: 0.01 },
    defaultText: 'the duration of the source, up to the limit of clips; 4 for a preview',
    summary: 'The longest duration of a clip or a preview, in seconds.',
    example: 'width=200&format=webp&animated=true&duration=1',
  },
  {
    name: 'fps',
    on: 'transformation',
    values: { kind: 'number', min: 1, max: MAX_FPS, unit: 'frames per second' },
    defaultText: 'the frame rate of the source; 15 for a preview',
    summary:
      'The highest frame rate of a clip, a preview or an animation, in frames per second. The duration stays the same.',
    example: 'width=200&format=webp&animated=true&fps=3',
  },
  {
    name: 'sprite',
    on: 'transformation',
    values: {
      kind: 'text',
      words: 'columns x rows, such as 4x3, at most 10x10',
      pattern: '^([1-9]|10)x([1-9]|10)$',
      placeholder: '4x3',
      examples: ['1x1', '4x3', '10x10'],
      invalidExamples: ['0x1', '11x1', '3', '3x', '4X3'],
    },
    defaultText: 'none',
    summary:
      'A sprite sheet of evenly spaced frames of a video. `width` is the width of each frame (default 160). The response ' +
      'header `X-Sprite-Interval` states the seconds between frames.',
    example: 'width=100&format=webp&sprite=3x2',
  },
  {
    name: 'audio',
    on: 'transformation',
    values: { kind: 'flag' },
    defaultText: 'true',
    summary: 'Whether a clip keeps the audio of its source.',
    example: 'width=200&format=mp4&audio=false',
  },
  {
    name: 'preset',
    on: 'both',
    values: {
      kind: 'text',
      words: 'the name of a preset in the configuration',
      pattern: PRESET_NAME_PATTERN,
      placeholder: 'thumb',
      examples: ['thumb'],
      invalidExamples: ['other', 'toString', 'THUMB'],
    },
    defaultText: 'none',
    summary:
      'Stands for the parameters that the setting `presets` defines under this name. Other parameters of the URL take precedence.',
    example: 'preset=thumb',
  },
  {
    name: 'download',
    on: 'both',
    values: { kind: 'flag' },
    defaultText: 'false',
    summary: 'Makes browsers save the response as a file, with `Content-Disposition: attachment`.',
    example: 'download=true',
  },
]
