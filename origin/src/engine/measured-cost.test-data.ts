/** Compares the predicted memory of a real job with what it uses. */

import { join } from 'node:path'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { expect } from 'vitest'
import { type MeteredSource, meterRender } from './job-meter.ts'
import type { RenderOptions } from './render-options.ts'
import { encodeSetup } from './setup.ts'

const MIB = 2 ** 20
/**
 * The allowance of a prediction beyond three times the measured value: an idle process has some unused memory
 * to reuse.
 */
const FLOOR_BYTES = 16 * MIB

const engineOf = (libav: 'off' | 'when needed') =>
  ({
    args: [
      join(import.meta.dirname, 'process/main.ts'),
      encodeSetup({ role: 'media', libav, temporaryFileBytes: 0, decoderMemoryBytes: 2048 * MIB }),
    ],
    sandbox: {
      jobMemoryBytes: 768 * MIB,
      fileBytes: 0,
      niceness: 5,
      isolation: { network: 'shared', command: [] },
    },
  }) as const
const LIMITS = {
  sourceBytes: 64 * MIB,
  decodedBytes: 512 * MIB,
  sidePixels: 16_384,
  frames: 1000,
  temporaryFileBytes: 0,
  avifPixels: 8_400_000,
  clipSeconds: 60,
  clipBytes: 64 * 2 ** 20,
}
export const options = (
  format: RenderOptions['format'],
  width: number,
  rest: Partial<RenderOptions> = {},
) => ({
  geometry: { kind: 'transformation', width, fit: 'cover', gravity: 'centre' } as const,
  format,
  quality: 80,
  isQualityRequested: true,
  animated: false,
  imagesOnly: false,
  ...rest,
})

/** Noise, which is the worst case of every codec. */
export const noise = (width: number, height: number) =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: 'grey',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })

export interface CostCase {
  readonly name: string
  readonly source: () => Promise<MeteredSource>
  readonly options: RenderOptions
}

/** Renders a case in a process of its own, and expects that its prediction was right. */
export async function expectRightPrediction(
  { source, options: wanted }: CostCase,
  libav: 'off' | 'when needed',
): Promise<void> {
  const metered = await meterRender(engineOf(libav), await source(), wanted, LIMITS)
  if (isFailure(metered)) throw new Error(metered.detail ?? metered.code)
  const { predicted, used } = metered
  expect(used.memoryBytes).toBeLessThanOrEqual(predicted.memoryBytes)
  expect(predicted.memoryBytes).toBeLessThanOrEqual(3 * used.memoryBytes + FLOOR_BYTES)
}
