/** Compares the predicted memory of stills that libav renders with what they use. */

import { afterAll, describe, it } from 'vitest'
import { type CostCase, expectRightPrediction, noise, options } from './measured-cost.test-data.ts'
import { loadLibav } from './process/libav/load.ts'

const libav = await loadLibav()
afterAll(() => libav?.pool.close())

/** Stills that libav renders, in a process that has not loaded it before. */
const CASES: readonly CostCase[] = [
  {
    name: 'a JPEG without chroma subsampling',
    source: async () => ({
      format: 'jpeg',
      bytes: await noise(3200, 2400).jpeg({ chromaSubsampling: '4:4:4' }).toBuffer(),
    }),
    options: options('webp', 550),
  },
  {
    name: 'a JPEG with 4:2:0',
    source: async () => ({ format: 'jpeg', bytes: await noise(3200, 2400).jpeg().toBuffer() }),
    options: options('webp', 550),
  },
  {
    name: 'a progressive JPEG',
    source: async () => ({
      format: 'jpeg',
      bytes: await noise(3200, 2400).jpeg({ progressive: true }).toBuffer(),
    }),
    options: options('webp', 550),
  },
  {
    name: 'a JPEG of the same size',
    source: async () => ({ format: 'jpeg', bytes: await noise(2000, 1500).jpeg().toBuffer() }),
    options: options('webp', 2000),
  },
  {
    name: 'a JPEG that other jobs need too',
    source: async () => ({ format: 'jpeg', bytes: await noise(3200, 2400).jpeg().toBuffer(), shared: true }),
    options: options('webp', 550),
  },
  {
    name: 'a small PNG with alpha',
    source: async () => ({ format: 'png', bytes: await noise(500, 500).ensureAlpha(0.5).png().toBuffer() }),
    options: options('webp', 128),
  },
  {
    name: 'a small WebP',
    source: async () => ({ format: 'webp', bytes: await noise(500, 500).webp().toBuffer() }),
    options: options('webp', 128),
  },
]

describe.skipIf(process.platform !== 'linux' || libav === undefined)(
  'the cost model of stills by libav',
  () => {
    it.each(CASES)('predicts at least the measured memory and at most three times it: $name', (each) =>
      expectRightPrediction(each, 'when needed'),
    )
  },
)
