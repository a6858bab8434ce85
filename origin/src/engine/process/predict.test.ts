import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import { readInfo } from './image/inspect.ts'
import { costOfPicture } from './predict.ts'

const plan = { width: 400, height: 300, mode: 'exact', gravity: 'centre' } as const
const render = { plan, format: 'webp', quality: 80, animated: false } as const
const LARGE = 25 * 2 ** 20

async function costOf(content: string, seenBytes = Number.POSITIVE_INFINITY) {
  const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300">${content}</svg>`)
  const info = await readInfo(svg, 'svg')
  if (isFailure(info)) throw new Error(info.detail)
  const seen = { bytes: svg.subarray(0, seenBytes), sizeBytes: svg.length }
  return costOfPicture(info, render, { frames: 1, cutLate: false }, seen)
}

it('takes a photograph in a drawing for no drawing of its bytes, also where its head alone is seen', async () => {
  const image = `<image width="400" height="300" href="data:image/jpeg;base64,${'A'.repeat(LARGE)}"/>`
  for (const seenBytes of [LARGE + 1000, 256 * 1024]) {
    const { cpuSeconds, memoryBytes } = await costOf(image, seenBytes)
    expect(cpuSeconds).toBeLessThan(5)
    expect(memoryBytes).toBeGreaterThan(5 * LARGE)
  }
  const { cpuSeconds } = await costOf('<g/>'.repeat(LARGE / 4))
  expect(cpuSeconds).toBeGreaterThan(40)
})
