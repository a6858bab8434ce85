/** Small and large renditions, and the plain Sharp calls that make the same bytes. */

import sharp from 'sharp'
import { movingGif } from './sources.ts'

export interface OverheadCase {
  readonly name: string
  /** Makes the source from a photograph. */
  readonly source: (photograph: Buffer) => Promise<Buffer>
  /** The query of the request. */
  readonly query: string
  readonly bare: (source: Buffer) => Promise<Buffer>
  readonly count: number
  /** The maximum CPU time that a rendition may cost on top of the plain call, in milliseconds. */
  readonly atMostMs: number
}

export const OVERHEAD_CASES: readonly OverheadCase[] = [
  {
    name: 'PNG 128 to WebP 48',
    source: (photograph) => sharp(photograph).resize(128, 128).png().toBuffer(),
    query: 'width=48&format=webp',
    bare: (source) => sharp(source).autoOrient().resize(48).webp({ quality: 80, effort: 2 }).toBuffer(),
    count: 400,
    atMostMs: 1.5,
  },
  {
    name: 'WebP 512 to WebP 128',
    source: (photograph) => sharp(photograph).resize(512, 512).webp({ quality: 90 }).toBuffer(),
    query: 'width=128&format=webp',
    bare: async (source) => {
      // Halved by the JPEG decoder, and then scaled with a good filter.
      const half = sharp(source).autoOrient().resize(256, 256, { fit: 'fill' }).raw()
      const { data, info: raw } = await half.toBuffer({ resolveWithObject: true })
      return sharp(data, { raw }).resize(128).webp({ quality: 80, effort: 2 }).toBuffer()
    },
    count: 200,
    atMostMs: 1.5,
  },
  {
    name: 'JPEG 2725x2225 to JPEG in 512',
    source: (photograph) => Promise.resolve(photograph),
    query: 'width=512&format=jpeg',
    bare: (source) =>
      sharp(source)
        .pipelineColourspace('srgb')
        .autoOrient()
        .resize(512)
        .jpeg({ quality: 80, progressive: true })
        .toBuffer(),
    count: 100,
    atMostMs: 2.5,
  },
  {
    name: 'GIF of 20 frames to WebP 128',
    source: movingGif,
    query: 'width=128&format=webp&animated=true',
    bare: (source) =>
      sharp(source, { animated: true }).resize(128).webp({ quality: 80, effort: 2 }).toBuffer(),
    count: 60,
    atMostMs: 5,
  },
]
