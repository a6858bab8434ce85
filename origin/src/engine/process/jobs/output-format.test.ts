import { expect, it } from 'vitest'
import type { RenderOptions } from '../../render-options.ts'
import { outputFormat } from './output-format.ts'

const OPTIONS = { quality: 80, animated: false } as RenderOptions
const FORMATS = { limits: { avifPixels: 1e6 }, canAnimateAvif: true }

function written(format: 'webp' | 'avif' | 'gif', width: number, height: number) {
  const plan = { width, height, mode: 'exact', gravity: 'centre' } as const
  return outputFormat(format, { frames: 1, layout: { plan } }, OPTIONS, FORMATS)
}

it('the output is PNG when a side is too long for WebP', () => {
  expect(written('webp', 2, 16_383)).toBe('webp')
  expect(written('webp', 2, 16_384)).toBe('png')
  expect(written('webp', 16_384, 2)).toBe('png')
  expect(written('gif', 16_384, 2)).toBe('gif')
})

it('the output is WebP, or its replacement, when an image is too large for AVIF', () => {
  expect(written('avif', 2, 16_384)).toBe('avif')
  expect(written('avif', 1000, 1001)).toBe('webp')
  expect(written('avif', 16_384, 100)).toBe('png')
})

it('the output is WebP when an animation has more pixels than fit in memory for AVIF', () => {
  const moving = (frames: number) =>
    outputFormat(
      'avif',
      { frames, layout: { plan: { width: 500, height: 400, mode: 'exact', gravity: 'centre' } } },
      { ...OPTIONS, animated: true },
      FORMATS,
    )
  expect(moving(200)).toBe('avif')
  expect(moving(201)).toBe('webp')
})
