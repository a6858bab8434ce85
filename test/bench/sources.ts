/** The images that several benchmarks render. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { noisePng } from '../fixtures.ts'

/** Returns a photograph from the corpus, otherwise an image of the same size with similar detail. */
export async function largePhotograph(): Promise<Buffer> {
  const corpus = process.env.MEDIA_CORPUS
  if (corpus !== undefined) return readFileSync(join(corpus, 'photos/barge-2725x2225.jpg'))
  const noise = await noisePng(2725, 2225)
  return sharp(noise).blur(2).jpeg({ quality: 85 }).toBuffer()
}

/** Makes a GIF of a window that moves over a photograph. */
export async function movingGif(): Promise<Buffer> {
  const photograph = sharp(await largePhotograph()).resize(700)
  const frames = Array.from({ length: GIF_FRAMES }, (_, frame) =>
    photograph
      .clone()
      .extract({ left: frame * 15, top: frame * 10, width: GIF_SIDE, height: GIF_SIDE })
      .removeAlpha()
      .raw()
      .toBuffer(),
  )
  const height = GIF_SIDE * GIF_FRAMES
  const raw = { width: GIF_SIDE, height, channels: 3, pageHeight: GIF_SIDE } as const
  return sharp(Buffer.concat(await Promise.all(frames)), { raw })
    .gif({ delay: 80 })
    .toBuffer()
}

const GIF_SIDE = 300
const GIF_FRAMES = 20
