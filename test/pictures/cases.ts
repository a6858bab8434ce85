/** The golden cases: a source, the request, and how similar the response has to be. */

import type { SourceName } from './sources.ts'

export interface GoldenCase {
  /** The base name of its files. */
  readonly name: string
  readonly source: SourceName
  /** The query parameters of an attachment. */
  readonly query: string
  /** The lowest similarity (0 to 100) of any frame to the golden. */
  readonly bound: number
}

/**
 * The bound for lossy formats. Encoders amplify differences: when another processor rounds one pixel in ten
 * differently, WebP still scores 97 and the others 98. A quality lower by 15 scores 90 to 95.
 */
const LOSSY = 96
/** The bound for low quality. The coarser the quantisation steps, the more visible each of them is. */
const COARSE = 92
/** The bound for lossless formats: only the arithmetic of scaling can differ. */
const EXACT = 99
/** The bound for palettes. A palette is chosen each time, and a small change may swap two of its colours. */
const PALETTE = 95

/** With a border above and below. */
const CONTAINED = 'width=72&height=72&fit=contain'

export const CASES: readonly GoldenCase[] = [
  // Formats and qualities.
  at('jpeg', 'photo.png', 'width=96&format=jpg', LOSSY),
  at('jpeg-low', 'photo.png', 'width=96&format=jpg&quality=low', COARSE),
  at('jpeg-lossless', 'photo.png', 'width=96&format=jpg&quality=lossless', LOSSY),
  at('webp', 'photo.png', 'width=96&format=webp', LOSSY),
  at('webp-low', 'photo.png', 'width=96&format=webp&quality=low', COARSE),
  at('webp-lossless', 'photo.png', 'width=72&format=webp&quality=lossless', EXACT),
  at('webp-near-lossless', 'photo.jpg', 'width=72&format=webp&quality=lossless', LOSSY),
  at('avif', 'photo.png', 'width=96&format=avif', LOSSY),
  at('avif-low', 'photo.png', 'width=96&format=avif&quality=low', COARSE),
  at('avif-lossless', 'photo.png', 'width=72&format=avif&quality=lossless', EXACT),
  at('png', 'photo.png', 'width=72&format=png', EXACT),
  at('png-grain', 'grain.jpg', 'width=48&format=png', EXACT),
  at('png-whole', 'sticker.webp', 'format=png', EXACT),
  at('png-palette', 'flag.png', 'width=48', PALETTE),
  at('png-palette-lossless', 'flag.png', 'width=48&quality=lossless', EXACT),
  at('gif', 'photo.png', 'width=72&format=gif', PALETTE),
  // Geometry.
  at('inside', 'photo.png', 'width=96&height=96&fit=inside&format=webp', LOSSY),
  at('cover', 'photo.png', 'width=72&height=72&format=webp', LOSSY),
  at('cover-west', 'photo.png', 'width=48&height=72&gravity=west&format=webp', LOSSY),
  at('cover-south', 'photo.png', 'width=96&height=40&gravity=south&format=webp', LOSSY),
  at('cover-attention', 'photo.png', 'width=40&height=72&gravity=attention&format=webp', LOSSY),
  at('cover-face', 'portrait.png', 'width=72&height=96&gravity=face&format=webp', LOSSY),
  at('contain', 'photo.png', 'width=96&height=96&fit=contain&format=webp', LOSSY),
  at('contain-on-white', 'photo.png', 'width=96&height=96&fit=contain&format=jpg', LOSSY),
  at('lying', 'lying.jpg', 'width=72&format=webp', LOSSY),
  at('blur', 'photo.png', 'width=96&blur=3&format=webp', LOSSY),
  // Operations.
  at('crop', 'photo.png', 'crop=0.3,0.1,0.5,0.6&width=96&format=webp', LOSSY),
  at('crop-lying', 'lying.jpg', 'crop=20,10,60,50&format=webp', LOSSY),
  at('crop-drawing', 'drawing.svg', 'crop=0,0,0.6,1&width=96&format=png', EXACT),
  at('trim', 'sticker.png', 'trim=true&format=png', EXACT),
  at('rotate', 'photo.png', 'rotate=90&width=60&format=webp', LOSSY),
  at('rotate-flip', 'photo.png', 'rotate=90&flip=h&width=60&height=60&gravity=north&format=webp', LOSSY),
  at('flip', 'lying.jpg', 'flip=h&width=60&format=webp', LOSSY),
  at('pad', 'sticker.png', 'width=60&pad=4,8&format=png', EXACT),
  at('pad-colour', 'photo.png', 'width=72&pad=6&background=f59e0b&format=webp', LOSSY),
  at('background', 'sticker.png', 'width=80&background=1e3a5f&format=webp', LOSSY),
  at('sharpen', 'photo.png', 'width=96&sharpen=2&format=webp', LOSSY),
  at('sharpen-sticker', 'sticker.png', 'width=80&sharpen=4&format=png', EXACT),
  at('max-bytes', 'photo.png', 'width=96&maxbytes=1200&format=webp', COARSE),
  at(
    'moving-operations',
    'bouncing.webp',
    'crop=0,0,0.75,1&rotate=90&pad=3&background=ffffff&sharpen=1&animated=true',
    LOSSY,
  ),
  at('moving-crop', 'bouncing.gif', 'crop=24,12,48,48&format=gif&animated=true', PALETTE),
  // Alpha.
  at('sticker', 'sticker.png', 'width=80&format=png', EXACT),
  at('sticker-webp', 'sticker.webp', 'width=80&format=webp', LOSSY),
  at('sticker-avif', 'sticker.png', 'width=80&format=avif', LOSSY),
  at('sticker-on-white', 'sticker.png', 'width=80&format=jpg', LOSSY),
  at('premultiplied', 'premultiplied.avif', 'format=png', EXACT),
  at('drawing', 'drawing.svg', 'width=120&format=png', EXACT),
  // Colours.
  at('display-p3', 'display-p3.jpg', 'width=96&format=webp', LOSSY),
  at('deep-p3', 'deep-p3.png', 'width=72&format=png', EXACT),
  at('deep-background', 'deep-p3.png', `${CONTAINED}&background=ff2040&format=png`, EXACT),
  at('grey-background', 'grey.png', `${CONTAINED}&background=ff2040&format=png`, EXACT),
  at('cut-gif', 'cut.gif', 'format=png', EXACT),
  at('tagged-p3', 'tagged-p3.avif', 'format=png', EXACT),
  at('tagged-pq', 'tagged-pq.avif', 'format=png', EXACT),
  at('grey-limited', 'grey-limited.avif', 'format=png', EXACT),
  at('heic', 'turned-p3.heic', 'format=png', EXACT),
  at('bmp', 'flag.bmp', 'width=48&format=webp', LOSSY),
  at('icon', 'flag.ico', 'width=48&format=png', EXACT),
  // Animations.
  at('moving-gif', 'bouncing.gif', 'width=64&format=gif&animated=true', PALETTE),
  at('moving-webp', 'bouncing.webp', 'width=64&format=webp&animated=true', LOSSY),
  at('moving-png', 'bouncing.gif', 'width=48&format=png&animated=true', PALETTE),
  at('moving-blur', 'bouncing.webp', 'width=64&blur=4&format=webp&animated=true', LOSSY),
  at('moving-turned', 'lying.webp', 'width=54&format=webp&animated=true', LOSSY),
  at('moving-drawn', 'drawn.apng', 'width=48&format=png&animated=true', EXACT),
  at('moving-drawn-webp', 'drawn.apng', 'width=64&format=webp&animated=true', LOSSY),
  at('moving-cover', 'bouncing.gif', 'width=32&height=48&gravity=east&format=webp&animated=true', LOSSY),
  at('moving-contain', 'bouncing.webp', 'width=64&height=64&fit=contain&format=webp&animated=true', LOSSY),
  at(
    'moving-attention',
    'bouncing.webp',
    'width=32&height=48&gravity=attention&format=webp&animated=true',
    LOSSY,
  ),
  at('moving-still', 'bouncing.gif', 'width=64&format=webp&animated=false', LOSSY),
  at('moving-sequence', 'sequence.avif', 'width=64&format=webp&animated=true', LOSSY),
  // Videos.
  at('video', 'untagged.mp4', 'width=96&format=webp', LOSSY),
  at('video-709', 'bt709.mp4', 'width=96&format=webp', LOSSY),
  at('video-full-range', 'full-range.mp4', 'width=96&format=webp', LOSSY),
  at('video-pq', 'pq.mp4', 'width=96&format=webp', LOSSY),
  at('video-alpha', 'alpha.webm', 'width=80&format=webp', LOSSY),
  at('video-first', 'bouncing.mp4', 'width=64&format=webp', LOSSY),
  at('video-middle', 'bouncing.mp4', 'width=64&format=webp&time=1.5', LOSSY),
  at('video-half', 'bouncing.mp4', 'width=64&format=webp&time=50%25', LOSSY),
  at('video-last', 'bouncing.mp4', 'width=64&format=webp&time=100%25', LOSSY),
  at('video-turned', 'turned.mp4', 'width=54&format=webp', LOSSY),
]

function at(name: string, source: SourceName, query: string, bound: number): GoldenCase {
  return { name, source, query, bound }
}
