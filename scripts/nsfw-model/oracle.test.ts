/** Compares the bundled model with its original, nsfwjs on TensorFlow.js, on the same pixels. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { classifierOf } from '@media-proxy/origin/assembly/scan.ts'
import { modelPixels } from '@media-proxy/origin/engine/process/scan/pixels.ts'
import { MODEL_SIDE_PIXELS } from '@media-proxy/origin/engine/scan-model.ts'
import { CLASSES } from '@media-proxy/origin/nsfw/score.ts'
import { NSFW_MODEL } from '@media-proxy/origin/paths/paths.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-wasm'
import { load, type NSFWJS } from 'nsfwjs/core'
import { MobileNetV2MidModel } from 'nsfwjs/models/mobilenet_v2_mid'
import { pino } from 'pino'
import sharp, { type Sharp } from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const MAX_DIFFERENCE = 1e-3

const log = pino({ level: 'silent' })
const classifier = classifierOf({ path: NSFW_MODEL, layout: 'nhwc', colours: 'rgb', threads: 1 }, 16, log)
let original: NSFWJS

beforeAll(async () => {
  // The pure JavaScript backend takes seconds per image.
  await tf.setBackend('wasm')
  original = await load('MobileNetV2Mid', { modelDefinitions: [MobileNetV2MidModel] })
})
afterAll(() => classifier.close())

async function compare(image: Sharp): Promise<void> {
  const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const squares = await modelPixels({ data, width, height, channels: info.channels === 4 ? 4 : 3 })
  if (isFailure(squares)) throw new Error(JSON.stringify(squares))
  const [pixels = new Uint8Array()] = squares
  const [ours, theirs] = await Promise.all([
    classifier.classify(pixels, new AbortController().signal),
    original.classify(tf.tensor3d(Array.from(pixels), [MODEL_SIDE_PIXELS, MODEL_SIDE_PIXELS, 3], 'int32')),
  ])
  if (isFailure(ours)) throw new Error(JSON.stringify(ours))
  for (const name of CLASSES) {
    const expected = theirs.find(({ className }) => className.toLowerCase() === name)?.probability
    expect(Math.abs((ours[0]?.[name] ?? 9) - (expected ?? -9)), name).toBeLessThan(MAX_DIFFERENCE)
  }
}

describe('predictions for generated images', () => {
  it.each(['#000000', '#ffffff', '#c68863', '#3366cc'])('of the colour %s', (background) =>
    compare(sharp({ create: { width: 300, height: 200, channels: 3, background } })),
  )

  it('of noise with alpha', () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const
    const create = { width: 400, height: 300, channels: 3, background: 'black', noise } as const
    return compare(sharp({ create }).ensureAlpha(0.5))
  })
})

const corpus = process.env.MEDIA_CORPUS
const CORPUS_IMAGES = [
  'photos/barge-2725x2225.jpg',
  'photos/clic-097c.png',
  'photos/clic-100f.png',
  'photos/ferry-icc.jpg',
  'photos/ferry.webp',
  'photos/kodak-12.png',
  'photos/kodak-16.png',
  'colour/alpha.png',
  'colour/cmyk-no-profile.jpg',
  'colour/display-p3.png',
  'colour/icc-exif-xmp.avif',
  'colour/indexed.png',
  'colour/rgb-16bit.png',
  'orientation/landscape-1.jpg',
  'orientation/landscape-6.jpg',
  'orientation/portrait-6.jpg',
  'orientation/orientation-6.avif',
  'animated/party.gif',
  'animated/animated.webp',
  'vector/logo.svg',
]

describe.skipIf(corpus === undefined)(
  'predictions for images of the corpus (skipped unless MEDIA_CORPUS names its folder)',
  () => {
    it.each(CORPUS_IMAGES)('%s', async (path) => {
      await compare(sharp(await readFile(join(corpus ?? '', path))).autoOrient())
    })
  },
)
