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

it('fill bytes before a marker are skipped', async () => {
  const jpeg = await image().jpeg().toBuffer()
  const filled = Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xff]), jpeg.subarray(2)])
  expect(jpegFrame(filled)).toEqual(jpegFrame(jpeg))
})

it.each([0x00, 0x01, 0xd0, 0xd8])(
  'a frame header behind the marker %d, which has no length, is not searched',
  async (marker) => {
    // Read as a segment, the marker skips the true frame header and leads to a smaller one.
    const jpeg = await image().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer()
    const grey = await image().toColourspace('b-w').jpeg().toBuffer()
    const skipped = jpeg.subarray(2)
    const length = Buffer.from([0, 0])
    length.writeUInt16BE(skipped.length + 2)
    const parts = [jpeg.subarray(0, 2), Buffer.from([0xff, marker]), length, skipped, grey.subarray(2)]
    expect(jpegFrame(Buffer.concat(parts))).toBeUndefined()
  },
)
