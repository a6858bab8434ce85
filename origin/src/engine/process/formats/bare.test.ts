import sharp from 'sharp'
import { expect, it } from 'vitest'
import { isBare } from './bare.ts'
import { riffChunks, WEBP_HEADER_BYTES } from './webp/riff.ts'

/** Encodes an animated WebP of two frames. */
function moving(): Promise<Buffer> {
  const raw = { width: 8, height: 16, channels: 4, pageHeight: 8 } as const
  return sharp(Buffer.alloc(8 * 16 * 4, Buffer.alloc(8 * 8 * 4, 255)).fill(9, 8 * 8 * 4), { raw })
    .webp({ delay: [50, 50] })
    .toBuffer()
}

/** Appends a text to the last frame of an animated WebP, after its coded image, where no viewer shows it. */
function withHiddenText(webp: Buffer): Buffer {
  const text = Buffer.from('XMP \x06\0\0\0secret', 'latin1')
  const hiding = Buffer.concat([webp, text])
  hiding.writeUInt32LE(hiding.length - 8, 4)
  const last = [...riffChunks(webp, WEBP_HEADER_BYTES)].at(-1)
  const data = last?.data ?? webp
  hiding.writeUInt32LE(data.length + text.length, data.byteOffset - webp.byteOffset - 4)
  return hiding
}

it('takes an animated WebP for bare that holds its frames alone', async () => {
  const webp = await moving()
  expect(isBare(webp, 'webp')).toBe(true)
  const hiding = withHiddenText(webp)
  expect((await sharp(hiding).metadata()).pages).toBe(2)
  expect(isBare(hiding, 'webp')).toBe(false)
})
