import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { photo } from './drawings.ts'
import { framesOf } from './frames.ts'
import { type Frame, similarity } from './score.ts'

const scaled = (kernel?: 'nearest' | 'linear') => {
  const { data, raw } = photo()
  return sharp(data, { raw }).resize(96, 72, kernel === undefined ? {} : { kernel })
}

async function frameOf(bytes: Buffer): Promise<Frame> {
  const [frame] = await framesOf(bytes)
  if (frame === undefined) throw new Error('no frame')
  return frame
}

describe('similarity', () => {
  let image: Frame
  beforeAll(async () => {
    image = await frameOf(await scaled().png().toBuffer())
  })

  const changed = (change: (value: number, at: number) => number): Frame => ({
    ...image,
    data: Uint8Array.from(image.data, (value, at) => Math.max(0, Math.min(255, change(value, at)))),
  })

  it('is 100 for the same image', () => {
    expect(similarity(image, image)).toBe(100)
  })

  it('stays high when levels are rounded differently', () => {
    expect(
      similarity(
        image,
        changed((value, at) => (at % 4 === 3 ? value : value + (at % 3) - 1)),
      ),
    ).toBeGreaterThan(99)
  })

  it.each([
    ['jpeg', [80, 65, 20]],
    ['webp', [80, 65, 20]],
    ['avif', [50, 25, 10]],
  ] as const)('distinguishes the qualities of %s', async (format, qualities) => {
    const [high, middle, low] = await Promise.all(
      qualities.map(async (quality) => frameOf(await scaled()[format]({ quality }).toBuffer())),
    )
    if (high === undefined || middle === undefined || low === undefined) throw new Error('no frame')
    expect(similarity(high, middle)).toBeLessThan(96)
    expect(similarity(high, low)).toBeLessThan(similarity(high, middle))
  })

  it.each([
    ['the nearest pixel', 'nearest'],
    ['linear scaling', 'linear'],
  ] as const)('distinguishes %s', async (_, kernel) => {
    expect(similarity(image, await frameOf(await scaled(kernel).png().toBuffer()))).toBeLessThan(99)
  })

  it('drops when only the alpha changes', () => {
    expect(
      similarity(
        image,
        changed((value, at) => (at % 4 === 3 ? 200 : value)),
      ),
    ).toBeLessThan(90)
  })

  it('drops when colours shift without an edge', () => {
    expect(
      similarity(
        image,
        changed((value, at) => (at % 4 === 0 ? value + 12 : value)),
      ),
    ).toBeLessThan(96)
  })
})
