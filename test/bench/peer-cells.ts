/** The requests with which all services are compared. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { largePhotograph, movingGif } from './sources.ts'

export type PeerFormat = 'webp' | 'avif' | 'jpeg' | 'png'

export interface PeerCell {
  readonly name: string
  /** The file extension of the source. */
  readonly extension: string
  readonly source: () => Promise<Buffer>
  /** The widths that are requested together for one image, in pixels. */
  readonly widths: readonly number[]
  readonly format: PeerFormat
  readonly quality: number
  /** The number of distinct sources per round. */
  readonly count: number
  /** Whether the results are still images, which can be scored. */
  readonly scored: boolean
}

const CELL = { format: 'webp', quality: 80, scored: true } as const

export const PEER_CELLS: readonly PeerCell[] = [
  {
    ...CELL,
    name: 'JPEG 2725x2225 to WebP 550',
    extension: 'jpg',
    source: largePhotograph,
    widths: [550],
    count: 24,
  },
  {
    ...CELL,
    name: 'the same to AVIF 550',
    extension: 'jpg',
    source: largePhotograph,
    widths: [550],
    format: 'avif',
    quality: 50,
    count: 16,
  },
  {
    ...CELL,
    name: 'the same to JPEG 512',
    extension: 'jpg',
    source: largePhotograph,
    widths: [512],
    format: 'jpeg',
    count: 24,
  },
  {
    ...CELL,
    name: 'PNG screenshot to PNG 512',
    extension: 'png',
    source: screenshot,
    widths: [512],
    format: 'png',
    count: 24,
  },
  {
    ...CELL,
    name: 'PNG avatar 512 to WebP 128',
    extension: 'png',
    source: async () =>
      sharp(await largePhotograph())
        .resize(512, 512)
        .png()
        .toBuffer(),
    widths: [128],
    count: 80,
  },
  {
    ...CELL,
    name: 'PNG emoji 128 to WebP 48',
    extension: 'png',
    source: async () =>
      sharp(await largePhotograph())
        .resize(128, 128)
        .png()
        .toBuffer(),
    widths: [48],
    count: 160,
  },
  {
    ...CELL,
    name: 'GIF of 20 frames to WebP 128',
    extension: 'gif',
    source: movingGif,
    widths: [128],
    count: 16,
    scored: false,
  },
  {
    ...CELL,
    name: '12 megapixels to 1600, 1024, 512, 256',
    extension: 'jpg',
    source: async () =>
      sharp(await largePhotograph())
        .resize(4000, 3000, { fit: 'fill' })
        .jpeg({ quality: 88 })
        .toBuffer(),
    widths: [1600, 1024, 512, 256],
    count: 6,
  },
]

/** Makes a screenshot with text and flat colours, from the documentation. */
function screenshot(): Promise<Buffer> {
  const file = join(import.meta.dirname, '../../docs/pictures/playground-light.webp')
  // Passed as bytes, because the engine's settings for
  // Sharp, which are also loaded here, forbid opening files.
  return sharp(readFileSync(file)).png().toBuffer()
}
