/**
 * Images for measuring costs: each encoding, with smooth content like an enlarged photograph, and with noise,
 * which is the worst case for an encoder.
 */

import type { SourceImageFormat } from '@media-proxy/origin/media/kinds.ts'
import sharp, { type Sharp } from 'sharp'

export type Content = 'smooth' | 'noise'

export interface Coding {
  readonly name: string
  readonly format: SourceImageFormat
  /** Larger images take longer to make than all the others together. */
  readonly maxMegapixels: number
  /** Whether it has many frames. */
  readonly moves: boolean
  readonly make: (content: Content, width: number, height: number) => Promise<Buffer>
}

export const CODINGS: readonly Coding[] = [
  still('JPEG', 'jpeg', 40, (pixels) => pixels.jpeg({ quality: 85 })),
  still('JPEG progressive', 'jpeg', 40, (pixels) => pixels.jpeg({ quality: 85, progressive: true })),
  still('JPEG 4:4:4', 'jpeg', 40, (pixels) => pixels.jpeg({ quality: 95, chromaSubsampling: '4:4:4' })),
  still('JPEG CMYK', 'jpeg', 40, (pixels) => pixels.toColourspace('cmyk').jpeg({ quality: 85 })),
  still('JPEG grey', 'jpeg', 40, (pixels) => pixels.toColourspace('b-w').jpeg({ quality: 85 })),
  still('JPEG turned', 'jpeg', 40, (pixels) => pixels.jpeg({ quality: 85 }).withMetadata({ orientation: 6 })),
  still('PNG', 'png', 40, (pixels) => pixels.png({ compressionLevel: 1 })),
  still('PNG RGBA', 'png', 12, (pixels) => pixels.ensureAlpha(0.5).png({ compressionLevel: 1 })),
  still('PNG 16-bit RGBA', 'png', 40, (pixels) =>
    pixels.ensureAlpha().toColourspace('rgb16').png({ compressionLevel: 1 }),
  ),
  still('PNG interlaced', 'png', 40, (pixels) => pixels.png({ compressionLevel: 1, progressive: true })),
  still('PNG palette', 'png', 4, (pixels) => pixels.png({ palette: true, effort: 1 })),
  still('WebP', 'webp', 40, (pixels) => pixels.webp({ quality: 80, effort: 0 })),
  still('WebP lossless', 'webp', 4, (pixels) => pixels.webp({ lossless: true, effort: 0 })),
  still('GIF', 'gif', 1, (pixels) => pixels.gif({ effort: 1 })),
  still('AVIF', 'avif', 12, (pixels) => pixels.avif({ quality: 60, effort: 0 })),
  still('AVIF 4:4:4', 'avif', 4, (pixels) =>
    pixels.ensureAlpha(0.5).avif({ quality: 60, effort: 0, chromaSubsampling: '4:4:4' }),
  ),
  still('TIFF', 'tiff', 40, (pixels) => pixels.tiff({ compression: 'lzw' })),
  still('TIFF tiled', 'tiff', 12, (pixels) => pixels.tiff({ compression: 'deflate', tile: true })),
  drawn('SVG', ''),
  drawn(
    'SVG filtered',
    '<filter id="f"><feTurbulence baseFrequency="0.05"/><feGaussianBlur stdDeviation="8"/></filter>',
  ),
  moving('GIF of 50 frames', 'gif', (strip) => strip.gif({ effort: 1 })),
  moving('WebP of 50 frames', 'webp', (strip) => strip.webp({ quality: 80, effort: 0 })),
]

/** Returns the sides of an image with an aspect ratio of 4:3. */
export function sidesOf(megapixels: number): { readonly width: number; readonly height: number } {
  const width = Math.round(Math.sqrt((megapixels * 1e6 * 4) / 3))
  return { width, height: Math.round((width * 3) / 4) }
}

function still(
  name: string,
  format: SourceImageFormat,
  maxMegapixels: number,
  code: (pixels: Sharp) => Sharp,
): Coding {
  return {
    name,
    format,
    maxMegapixels,
    moves: false,
    make: (content, width, height) => code(pixelsOf(content, width, height)).toBuffer(),
  }
}

function pixelsOf(content: Content, width: number, height: number): Sharp {
  const [columns, rows] =
    content === 'noise' ? [width, height] : [Math.ceil(width / 8), Math.ceil(height / 8)]
  const noise = sharp({
    limitInputPixels: false,
    create: {
      width: columns,
      height: rows,
      channels: 3,
      background: '#000',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })
  return content === 'noise' ? noise : noise.resize(width, height, { fit: 'fill', kernel: 'cubic' })
}

/** Makes a drawing. Its cost depends on its size and its filters. */
function drawn(name: string, filter: string): Coding {
  const attribute = filter === '' ? '' : ' filter="url(#f)"'
  return {
    name,
    format: 'svg',
    maxMegapixels: 40,
    moves: false,
    async make(content, width, height) {
      const shapes = Array.from(
        { length: content === 'noise' ? 1000 : 10 },
        (_, at) =>
          `<circle cx="${(at * 37) % 100}%" cy="${(at * 61) % 100}%" r="${1 + (at % 9)}%" fill="hsl(${(at * 47) % 360} 80% 50%)" fill-opacity="0.5"/>`,
      )
      return Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${filter}<g${attribute}>${shapes.join('')}</g></svg>`,
      )
    },
  }
}

const FRAMES = 50

function moving(name: string, format: SourceImageFormat, code: (strip: Sharp) => Sharp): Coding {
  return {
    name,
    format,
    maxMegapixels: 0.4,
    moves: true,
    async make(content, width, height) {
      const data = await pixelsOf(content, width, height * FRAMES)
        .raw()
        .toBuffer()
      const raw = { width, height: height * FRAMES, channels: 3, pageHeight: height } as const
      return code(sharp(data, { raw, limitInputPixels: false })).toBuffer()
    },
  }
}
