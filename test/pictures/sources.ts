/**
 * The sources of the goldens, by their names in the store. They do not depend on the machine they are made
 * on.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { iconBitmap, iconOf } from '@media-proxy/origin/media/icons.test-data.ts'
import sharp, { type Sharp } from 'sharp'
import { animatedPng, portraitPng } from '../fixtures.ts'
import {
  bouncing,
  type Drawing,
  FRAME_DELAYS_MS,
  FRAME_HEIGHT,
  flag,
  grain,
  photo,
  sticker,
} from './drawings.ts'

/** The videos made by make-videos.ts. */
export const MEDIA = join(import.meta.dirname, 'media')
const SHARED_MEDIA = join(import.meta.dirname, '../media')

const LOOP = 3

/** The functions that make the sources, called on demand. */
export const SOURCES = {
  'photo.png': () => open(photo()).png().toBuffer(),
  'photo.jpg': () => jpeg(open(photo())),
  /** Fine detail with halved chroma, as cameras write it. */
  'grain.jpg': () => open(grain()).jpeg({ quality: 92, chromaSubsampling: '4:2:0' }).toBuffer(),
  /** Stored rotated. */
  'lying.jpg': async () => {
    const lying = await open(photo()).rotate(-90).png().toBuffer()
    return jpeg(sharp(lying).withMetadata({ orientation: 6 }))
  },
  'display-p3.jpg': () => jpeg(open(photo()).withIccProfile('p3')),
  'deep-p3.png': () => open(photo()).toColourspace('rgb16').withIccProfile('p3').png().toBuffer(),
  'sticker.png': () => open(sticker()).png().toBuffer(),
  'sticker.webp': () => open(sticker()).webp({ lossless: true, exact: true }).toBuffer(),
  'flag.png': () => open(flag()).png({ palette: true, colours: 8 }).toBuffer(),
  'flag.bmp': () => Promise.resolve(bmp(flag())),
  /** A grey entry, and a larger one that shows the flag with a transparent corner. */
  'flag.ico': () => Promise.resolve(icon()),
  'grey.png': () => open(photo()).toColourspace('b-w').png().toBuffer(),
  'cut.gif': async () => {
    const bytes = await open(photo()).gif({ colours: 32, dither: 0, progressive: true }).toBuffer()
    return bytes.subarray(0, bytes.length / 3)
  },
  'drawing.svg': () => Promise.resolve(DRAWING),
  'portrait.png': () => portraitPng(480, 240, [[360, 110]]),
  'bouncing.gif': () => moving().gif({ loop: LOOP, delay: FRAME_DELAYS_MS }).toBuffer(),
  'bouncing.webp': () => moving().webp({ lossless: true, loop: LOOP, delay: FRAME_DELAYS_MS }).toBuffer(),
  'lying.webp': () =>
    moving()
      .webp({ lossless: true, loop: LOOP, delay: FRAME_DELAYS_MS })
      .withMetadata({ orientation: 6 })
      .toBuffer(),
  'drawn.apng': () => drawnPng(),
  'turned-p3.heic': () => readFile(join(SHARED_MEDIA, 'turned-p3.heic')),
  'premultiplied.avif': () => readFile(join(SHARED_MEDIA, 'premultiplied.avif')),
  'grey-limited.avif': () => readFile(join(SHARED_MEDIA, 'grey-limited.avif')),
  'tagged-p3.avif': () => readFile(join(SHARED_MEDIA, 'tagged-p3.avif')),
  'tagged-pq.avif': () => readFile(join(SHARED_MEDIA, 'tagged-pq.avif')),
  'sequence.avif': () => readFile(join(MEDIA, 'sequence.avif')),
  'untagged.mp4': () => readFile(join(MEDIA, 'untagged.mp4')),
  'bt709.mp4': () => readFile(join(MEDIA, 'bt709.mp4')),
  'full-range.mp4': () => readFile(join(MEDIA, 'full-range.mp4')),
  'pq.mp4': () => readFile(join(MEDIA, 'pq.mp4')),
  'alpha.webm': () => readFile(join(MEDIA, 'alpha.webm')),
  'bouncing.mp4': () => readFile(join(MEDIA, 'bouncing.mp4')),
  'turned.mp4': () => readFile(join(MEDIA, 'turned.mp4')),
} satisfies Record<string, () => Promise<Buffer>>

export type SourceName = keyof typeof SOURCES

function open({ data, raw }: Drawing): Sharp {
  return sharp(data, { raw })
}

function jpeg(pipeline: Sharp): Promise<Buffer> {
  return pipeline.jpeg({ quality: 96, chromaSubsampling: '4:4:4' }).toBuffer()
}

function moving(): Sharp {
  const { data, raw } = bouncing()
  return sharp(data, { raw: { ...raw, pageHeight: FRAME_HEIGHT } })
}

/**
 * Builds an animation in which each frame depends on the previous ones, with every kind of disposal and
 * blending.
 */
function drawnPng(): Promise<Buffer> {
  const whole = { left: 0, top: 0, width: 96, height: 72, dispose: 0, blend: 0 }
  const part = { left: 12, top: 10, width: 40, height: 30, blend: 1 }
  return animatedPng({
    width: 96,
    height: 72,
    loop: LOOP,
    frames: [
      { ...whole, colour: [240, 220, 60, 255], delay: [1, 10] },
      { ...part, dispose: 2, colour: [30, 60, 220, 128], delay: [25, 100] },
      { ...part, left: 40, top: 30, dispose: 1, colour: [220, 30, 60, 180], delay: [400, 1000] },
      {
        ...part,
        left: 60,
        top: 4,
        width: 24,
        dispose: 0,
        blend: 0,
        colour: [20, 160, 70, 90],
        delay: [7, 0],
      },
    ],
  })
}

/** Builds a bitmap of a drawing, with rows from the bottom up and blue first (BITMAPINFOHEADER). */
function bmp({ data, raw: { width, height } }: Drawing): Buffer {
  const header = Buffer.alloc(54)
  header.write('BM', 'latin1')
  header.writeUInt32LE(header.length + data.length, 2)
  header.writeUInt32LE(header.length, 10)
  header.writeUInt32LE(40, 14)
  header.writeInt32LE(width, 18)
  header.writeInt32LE(height, 22)
  header.writeUInt16LE(1, 26)
  header.writeUInt16LE(24, 28)
  const rows = Array.from({ length: height }, (_, row) => {
    const pixels = Buffer.from(data.subarray((height - 1 - row) * width * 3, (height - row) * width * 3))
    for (let at = 0; at < pixels.length; at += 3) pixels.subarray(at, at + 3).reverse()
    return pixels
  })
  return Buffer.concat([header, ...rows])
}

function icon(): Buffer {
  const small = iconBitmap({ width: 16, height: 16, bits: 24, pixels: Array<number>(16 * 16 * 3).fill(128) })
  const {
    data,
    raw: { width, height },
  } = flag()
  const fromBottom = Array.from({ length: height }, (_, row) => height - 1 - row)
  const pixels = fromBottom.flatMap((y) =>
    Array.from({ length: width * 3 }, (_, at) => data[y * width * 3 + at + 2 - 2 * (at % 3)] ?? 0),
  )
  // One bit for each pixel: the left half of the lower half is transparent.
  const mask = fromBottom.flatMap((y) =>
    Array.from({ length: width / 8 }, (_, byte) => (y >= height / 2 && byte < width / 16 ? 0xff : 0)),
  )
  const large = iconBitmap({ width, height, bits: 24, pixels, mask })
  return iconOf([
    { width: 16, height: 16, bits: 24, image: small },
    { width, height, bits: 24, image: large },
  ])
}

const DRAWING = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><circle cx="20" cy="20" r="15" fill="#e33"/>' +
    '<path d="M36 34 L48 6 L58 34 Z" fill="#36c" fill-opacity=".6"/></svg>',
)
