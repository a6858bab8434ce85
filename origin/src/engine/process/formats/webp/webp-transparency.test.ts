import sharp from 'sharp'
import { expect, it } from 'vitest'
import { riffChunks, WEBP_HEADER_BYTES } from './riff.ts'
import { withTransparencyFlag } from './webp-transparency.ts'

const SIDE = 8
const clear = { r: 255, g: 0, b: 0, alpha: 0 }
const image = () => sharp({ create: { width: SIDE, height: SIDE, channels: 4, background: clear } })

/** Adds a `VP8X` header without any flags to a WebP, as ExifTool does. */
function underPlainHeader(webp: Buffer): Buffer {
  const header = Buffer.from('VP8X\n\0\0\0\0\0\0\0\x07\0\0\x07\0\0', 'latin1')
  const chunks = [...riffChunks(webp, WEBP_HEADER_BYTES)]
  const body = Buffer.concat(
    chunks.map(({ id, data }) => {
      const size = Buffer.alloc(4)
      size.writeUInt32LE(data.length)
      return Buffer.concat([Buffer.from(id, 'latin1'), size, data, Buffer.alloc(data.length % 2)])
    }),
  )
  const file = Buffer.concat([webp.subarray(0, WEBP_HEADER_BYTES), header, body])
  file.writeUInt32LE(file.length - 8, 4)
  return file
}

const alphaOf = async (webp: Uint8Array) => (await sharp(webp).ensureAlpha().raw().toBuffer())[3]

it('sets the alpha flag of a lossless image whose header lacks it', async () => {
  const plain = underPlainHeader(await image().webp({ lossless: true }).toBuffer())
  expect(await alphaOf(plain)).toBe(255)
  const flagged = withTransparencyFlag(plain)
  expect(await alphaOf(flagged ?? plain)).toBe(0)
  expect(withTransparencyFlag(flagged ?? plain)).toBeUndefined()
})

it('leaves an image unchanged that has no alpha or no such header', async () => {
  const opaque = await image().flatten().webp({ lossless: true }).toBuffer()
  expect(withTransparencyFlag(underPlainHeader(opaque))).toBeUndefined()
  expect(withTransparencyFlag(await image().webp({ lossless: true }).toBuffer())).toBeUndefined()
})

it.each([true, false])('sets the alpha flag for a frame with alpha, lossless: %s', async (lossless) => {
  // Half transparent, and brighter in the second frame.
  const pixels = Buffer.alloc(2 * SIDE * SIDE * 4, 100).fill(200, SIDE * SIDE * 4)
  const raw = { width: SIDE, height: 2 * SIDE, channels: 4, pageHeight: SIDE } as const
  const moving = await sharp(pixels, { raw })
    .webp({ lossless, delay: [100, 100] })
    .toBuffer()
  const flags = moving.indexOf('VP8X') + 8
  moving[flags] = (moving[flags] ?? 0) & ~0x10
  const flagged = withTransparencyFlag(moving)
  expect((flagged?.[flags] ?? 0) & 0x10).toBe(0x10)
})
