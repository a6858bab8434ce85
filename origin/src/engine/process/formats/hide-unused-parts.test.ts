import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { hideInvalidParts, hideUnusedParts } from './hide-unused-parts.ts'
import { encodePngChunk, pngChunks } from './png/png-chunks.ts'

const image = sharp({ create: { width: 8, height: 8, channels: 3, background: '#3366cc' } })

it.each(['tEXt', 'zTXt', 'iTXt'])('hides %s of a PNG, and keeps its pixels', async (id) => {
  const plain = await image.clone().png().toBuffer()
  const headEnd = [...pngChunks(plain)][0]?.end ?? 0
  const text = Buffer.concat([Buffer.from('Comment\0\0\0\0\0'), deflateSync(Buffer.alloc(1_000_000, 'a'))])
  const file = Buffer.concat([plain.subarray(0, headEnd), encodePngChunk(id, text), plain.subarray(headEnd)])
  hideUnusedParts(file, 'png')
  expect([...pngChunks(file)].map((chunk) => chunk.id)).not.toContain(id)
  expect(await sharp(file, { failOn: 'warning' }).raw().toBuffer()).toEqual(
    await sharp(plain).raw().toBuffer(),
  )
})

it.each([
  ['a1CD', true],
  ['a CD', true],
  ['1BCD', true],
  ['\xe1BCD', true],
  ['gAhA', true],
  ['gAMA', false],
  ['A1CD', false],
  ['\0BCD', false],
])('hides the chunk %j of a PNG: %s', async (id, isHidden) => {
  const plain = await image.clone().png().toBuffer()
  const headEnd = [...pngChunks(plain)][0]?.end ?? 0
  const chunk = encodePngChunk(id, Buffer.of(0, 0, 0, 9))
  const file = Buffer.concat([plain.subarray(0, headEnd), chunk, plain.subarray(headEnd)])
  for (const hide of [hideInvalidParts, hideUnusedParts]) {
    const copy = Buffer.from(file)
    hide(copy, 'png')
    expect(copy.equals(file)).toBe(!isHidden)
    if (isHidden)
      expect(await sharp(copy, { failOn: 'warning' }).raw().toBuffer()).toEqual(
        await sharp(plain).raw().toBuffer(),
      )
  }
})

it.each([false, true])('hides all but the first page of a TIFF (BigTIFF: %s)', async (bigtiff) => {
  const pages = await sharp(
    await Promise.all(
      ['#f00', '#0f0', '#00f'].map((background) =>
        sharp({ create: { width: 8, height: 8, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    ),
    { join: { animated: true } },
  )
    .tiff({ bigtiff, compression: 'lzw' })
    .toBuffer()
  expect((await sharp(pages).metadata()).pages).toBe(3)
  hideUnusedParts(pages, 'tiff')
  const { pages: left } = await sharp(pages).metadata()
  expect(left).toBe(1)
  expect([...(await sharp(pages).raw().toBuffer()).subarray(0, 3)]).toEqual([255, 0, 0])
})

it.each(['png', 'tiff'] as const)('accepts any bytes as a %s', (format) => {
  for (let length = 0; length < 64; length += 1) hideUnusedParts(Buffer.alloc(length, 0x49), format)
  for (let length = 0; length < 64; length += 1) hideUnusedParts(Buffer.alloc(length, 0xff), format)
})
