/** Files that already are the requested rendition. */

import { render } from '@media-proxy/origin/engine/process/render.ts'
import { memorySource } from '@media-proxy/origin/engine/process/source/media-source.ts'
import { FULL_SIZE } from '@media-proxy/origin/engine/render-options.ts'
import { mediaKind } from '@media-proxy/origin/media/kinds.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { ANY_COST, tellNobody, videoTools } from '../video-tools.ts'

const [SIDE, FRAMES] = [400, 60]

/** Makes a lossless animation, in which damage may show only when it is decoded. */
async function moving(): Promise<Buffer> {
  const frame = (index: number) => Buffer.alloc(SIDE * SIDE * 4, 3 * index + 1)
  const strip = Buffer.concat(Array.from({ length: FRAMES }, (_, index) => frame(index)))
  const raw = { width: SIDE, height: SIDE * FRAMES, channels: 4, pageHeight: SIDE } as const
  return sharp(strip, { raw })
    .webp({ lossless: true, delay: Array(FRAMES).fill(50) })
    .toBuffer()
}

it('one that has to be looked at costs that look, whatever its encoding would', async () => {
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
    { tellCost: tellNobody, tellProgress: () => undefined },
  )
  expect(rendered).toMatchObject({ kind: 'rendered', bytes: undefined })
})
