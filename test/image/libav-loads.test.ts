import { renderImageJob } from '@media-proxy/origin/engine/process/jobs/render-image-job.ts'
import { memorySource } from '@media-proxy/origin/engine/process/source/media-source.ts'
import type { RenderOptions } from '@media-proxy/origin/engine/render-options.ts'
import { loadConfig } from '@media-proxy/shared/config/load.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { animatedGif, GIF_DELAYS_MS } from '../fixtures.ts'
import { FULL_SIZE_WEBP } from './render-options.ts'

const COST = { memoryBytes: 1e9, cpuSeconds: 60 }

/** Renders an animated GIF without libav, and counts how often libav is requested. */
async function renderGif(format: RenderOptions['format']) {
  const loaded = loadConfig('origin', { environment: {} })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  const { limits } = loaded.config
  let loads = 0
  const tools = {
    limits,
    decoder: async () => undefined,
    libav: async () => {
      loads += 1
      return undefined
    },
  }
  const options = { ...FULL_SIZE_WEBP, format, animated: true }
  const gif = { kind: 'image', format: 'gif', mime: 'image/gif', extensions: ['gif'] } as const
  const rendered = await renderImageJob(
    memorySource(await animatedGif(64, 48), gif),
    'gif',
    { options, renderQuality: 'fine', limits, admission: { allowance: COST, reportCost: () => undefined } },
    tools,
  )
  if (isFailure(rendered) || rendered.kind === 'deferred') throw new Error(JSON.stringify(rendered))
  const { pages } = await sharp(rendered.bytes).metadata()
  return { loads, pages }
}

it.each(['webp', 'gif', 'png', 'jpeg'] as const)('an animation in %s loads no libav', async (format) => {
  expect((await renderGif(format)).loads).toBe(0)
})

it('an animation in AVIF needs libav, and becomes WebP without it', async () => {
  const { loads, pages } = await renderGif('avif')
  expect(loads).toBeGreaterThan(0)
  expect(pages).toBe(GIF_DELAYS_MS.length)
})
