/** Tests TIFFs with samples behind their colours and alpha, as Photoshop writes saved selections. */

import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
const SHORT = 3
const [GREY, RGB] = [1, 2]

/** Builds an uncompressed TIFF of 4x2 equal pixels (TIFF 6.0, section 2). */
function tiff(pixel: readonly number[], colours: number, meanings: readonly number[]): Buffer {
  const [width, height] = [4, 2]
  const data = Buffer.from(Array.from({ length: width * height }, () => pixel).flat())
  const shorts = (values: readonly number[]) =>
    Buffer.concat(values.map((value) => Buffer.of(value & 0xff, value >> 8)))
  const bits = shorts(pixel.map(() => 8))
  const [bitsAt, dataAt] = [200, 240]
  const entries: [tag: number, count: number, value: Buffer][] = [
    [256, 1, shorts([width])],
    [257, 1, shorts([height])],
    [258, pixel.length, shorts([bitsAt])],
    [259, 1, shorts([1])],
    [262, 1, shorts([colours])],
    [273, 1, shorts([dataAt])],
    [277, 1, shorts([pixel.length])],
    [278, 1, shorts([height])],
    [279, 1, shorts([data.length])],
    [338, meanings.length, shorts(meanings)],
  ]
  const file = Buffer.alloc(dataAt)
  file.set([0x49, 0x49, 42, 0, 8, 0, 0, 0, entries.length, 0])
  for (const [index, [tag, count, value]] of entries.entries()) {
    const at = 10 + 12 * index
    file.writeUInt16LE(tag, at)
    file.writeUInt16LE(SHORT, at + 2)
    file.writeUInt32LE(count, at + 4)
    file.set(value, at + 8)
  }
  file.set(bits, bitsAt)
  return Buffer.concat([file, data])
}

describe('a TIFF with further samples', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_NSFW_ENABLED: 'false',
    })
  })
  afterAll(() => service.close())

  it.each([
    ['two selections', tiff([200, 100, 50, 0, 0], RGB, [0, 0]), [200, 100, 50, 255]],
    ['alpha and a selection', tiff([200, 100, 50, 128, 0], RGB, [2, 0]), [200, 100, 50, 128]],
    ['grey and two selections', tiff([200, 0, 0], GREY, [0, 0]), [200, 200, 200, 255]],
  ])('is shown without them: %s', async (what, file, pixel) => {
    const name = `${what.replaceAll(' ', '-')}.tiff`
    await service.put(`attachments/1/${name}`, file)
    await service.put(name, file, undefined, 'uploads')
    for (const query of ['format=png', 'format=webp&quality=lossless&width=2']) {
      const { status, body } = await send(service.url, `/attachments/1/${name}?${query}`)
      expect(status, query).toBe(200)
      const shown = await sharp(body).toColourspace('srgb').ensureAlpha().raw().toBuffer()
      // Scaling multiplies colours by alpha and divides them again.
      const differences = pixel.map((value, channel) => Math.abs(value - (shown[channel] ?? 0)))
      expect(Math.max(...differences), query).toBeLessThanOrEqual(1)
    }
    const { status } = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: name }),
    })
    expect(status).toBe(200)
  })
})
