import sharp from 'sharp'
import { expect, it } from 'vitest'
import { jpegFrame } from './jpeg-frame.ts'

const image = () => sharp({ create: { width: 40, height: 30, channels: 3, background: 'red' } })

it.each([
  ['4:4:4', 3],
  ['4:2:0', 1.5],
] as const)(
  'the header of a JPEG declares the samples per pixel of %s',
  async (chromaSubsampling, samples) => {
    for (const progressive of [false, true]) {
      const jpeg = await image().jpeg({ chromaSubsampling, progressive }).toBuffer()
      expect(jpegFrame(jpeg)).toEqual({ width: 40, height: 30, samplesPerPixel: samples })
    }
  },
)

it('a grey JPEG has one sample per pixel', async () => {
  const jpeg = await image().toColourspace('b-w').jpeg().toBuffer()
  expect(jpegFrame(jpeg)?.samplesPerPixel).toBe(1)
})

it('a file that ends before its frame header has none', async () => {
  expect(jpegFrame((await image().jpeg().toBuffer()).subarray(0, 30))).toBeUndefined()
})
