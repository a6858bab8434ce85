import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { encodePngChunk } from '../formats/png/png-chunks.ts'
import { readInfo } from '../image/inspect.ts'
import { predictImage } from './predict.ts'

const plan = { width: 400, height: 300, mode: 'exact', gravity: 'centre' } as const
const render = { plan, format: 'webp', quality: 80, animated: false } as const
const LARGE = 25 * 2 ** 20

async function costOf(content: string, availableBytes = Number.POSITIVE_INFINITY) {
  const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300">${content}</svg>`)
  const info = await readInfo(svg, 'svg')
  if (isFailure(info)) throw new Error(info.detail)
  const available = { bytes: svg.subarray(0, availableBytes), sizeBytes: svg.length }
  return predictImage(info, render, { frames: 1, cutLate: false }, available)
}

it('an embedded photograph costs less than SVG of its size, even when only the start is read', async () => {
  const image = `<image width="400" height="300" href="data:image/jpeg;base64,${'A'.repeat(LARGE)}"/>`
  for (const availableBytes of [LARGE + 1000, 256 * 1024]) {
    const { cpuSeconds, memoryBytes } = await costOf(image, availableBytes)
    expect(cpuSeconds).toBeLessThan(5)
    expect(memoryBytes).toBeGreaterThan(5 * LARGE)
  }
  const { cpuSeconds } = await costOf('<g/>'.repeat(LARGE / 4))
  expect(cpuSeconds).toBeGreaterThan(40)
})

it('the memory of an HDR PNG includes its decoded samples', async () => {
  const plain = await sharp({ create: { width: 400, height: 300, channels: 3, background: 'red' } })
    .toColourspace('rgb16')
    .png()
    .toBuffer()
  const headEnd = 33
  const colourChunk = encodePngChunk('cICP', Uint8Array.of(9, 16, 0, 1))
  const bright = Buffer.concat([plain.subarray(0, headEnd), colourChunk, plain.subarray(headEnd)])
  const [of, beside] = await Promise.all(
    [bright, plain].map(async (bytes) => {
      const info = await readInfo(bytes, 'png')
      if (isFailure(info)) throw new Error(info.detail)
      const large = { ...info, width: 4000, height: 3000 }
      return predictImage(large, render, { frames: 1, cutLate: false }, { bytes, sizeBytes: bytes.length })
    }),
  )
  // Measured: 16 bytes per pixel.
  expect((of?.memoryBytes ?? 0) - (beside?.memoryBytes ?? 0)).toBeGreaterThan(16 * 12_000_000)
})

it('the memory of a PNG whose data is checked includes its repair', async () => {
  const bytes = await sharp({ create: { width: 400, height: 300, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  const info = await readInfo(bytes, 'png')
  if (isFailure(info)) throw new Error(info.detail)
  const costOfInfo = (header: typeof info) =>
    predictImage(header, render, { frames: 1, cutLate: false }, { bytes, sizeBytes: bytes.length })
  const large = { ...info, width: 4000, height: 3000 }
  const [checked, unchecked] = [costOfInfo({ ...large, checksData: true }), costOfInfo(large)]
  // Unpacked, padded, packed, in a file, decoded, and in another file.
  expect(checked.memoryBytes - unchecked.memoryBytes).toBeGreaterThan(20 * 12_000_000)
  expect(checked.cpuSeconds).toBeGreaterThan(unchecked.cpuSeconds)
})
