/** Tests files that are passed through unchanged as their own rendition. */

import { render } from '@media-proxy/origin/engine/process/jobs/render.ts'
import { memorySource } from '@media-proxy/origin/engine/process/source/media-source.ts'
import { FULL_SIZE } from '@media-proxy/origin/engine/render-options.ts'
import { mediaKind } from '@media-proxy/origin/media/kinds.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { ANY_COST, ignoreReport, videoTools } from '../video-tools.ts'

const [SIDE, FRAMES] = [400, 60]

/** Builds a lossless animation, which may turn out to be corrupt only during decoding. */
async function moving(): Promise<Buffer> {
  const frame = (index: number) => Buffer.alloc(SIDE * SIDE * 4, 3 * index + 1)
  const strip = Buffer.concat(Array.from({ length: FRAMES }, (_, index) => frame(index)))
  const raw = { width: SIDE, height: SIDE * FRAMES, channels: 4, pageHeight: SIDE } as const
  return sharp(strip, { raw })
    .webp({ lossless: true, delay: Array(FRAMES).fill(50) })
    .toBuffer()
}

it('a file that is only checked costs its decoding, whatever its encoding would cost', async () => {
  const bytes = await moving()
  const rendered = await render(
    memorySource(bytes, mediaKind('webp')),
    {
      options: {
        geometry: FULL_SIZE,
        format: 'webp',
        quality: 80,
        animated: true,
        imagesOnly: false,
      } as never,
      renderQuality: 'fine',
      allowance: { ...ANY_COST, cpuSeconds: 0.15 },
      limits: videoTools.limits as never,
    },
    videoTools,
    { reportCost: ignoreReport, reportProgress: () => undefined },
  )
  expect(rendered).toMatchObject({ kind: 'rendered', bytes: undefined })
})
