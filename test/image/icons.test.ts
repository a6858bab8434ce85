/** Tests Windows icons and cursors, whose entries are bitmaps or PNGs. */

import { deflateSync } from 'node:zlib'
import {
  encodePngChunk,
  PNG_SIGNATURE,
  pngChunks,
} from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import { iconBitmap, iconOf, plainIcon, type TestEntry } from '@media-proxy/origin/media/icons.test-data.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedPng, declaredPng, halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
let service: Service

beforeAll(async () => {
  service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
})
afterAll(() => service.close())

const entry = (image: Uint8Array, side = 16): TestEntry => ({ width: side, height: side, image })

let icons = 0
/** Renders an icon as PNG. The detail is the size of the image, or the text of the rejection. */
async function rendered(icon: Uint8Array) {
  icons += 1
  const key = `attachments/1/${icons}`
  await service.put(key, icon)
  const { status, body } = await send(service.url, `/${key}?format=png`)
  if (status !== 200) return { status, detail: body.toString(), pixels: Buffer.alloc(0) }
  const { data, info } = await sharp(body).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  return { status, detail: `${info.width}x${info.height}`, pixels: data }
}

describe('an icon', () => {
  it('is rendered with the transparency of its mask', async () => {
    const pixels = [...[0, 0, 255, 255, 0, 0, 0, 0], ...[0, 255, 0, 0, 255, 255, 0, 0]]
    const mask = [...[0, 0, 0, 0], ...[0x80, 0, 0, 0]]
    const bitmap = iconBitmap({ width: 2, height: 2, bits: 24, pixels, mask })
    expect((await rendered(iconOf([entry(bitmap, 2)]))).pixels).toEqual(
      Buffer.from([0, 0, 0, 0, 255, 255, 0, 255, 255, 0, 0, 255, 0, 0, 255, 255]),
    )
  })

  it('shows its largest entry, at the size that the entry itself has', async () => {
    const small = iconBitmap({ width: 1, height: 1, bits: 24, pixels: [1, 2, 3, 0] })
    const icon = iconOf([entry(small), entry(await halvesPng(600, 400), 256)])
    expect((await rendered(icon)).detail).toBe('600x400')
  })

  it('of a PNG has its alpha, without the rotation of its EXIF data', async () => {
    const png = await sharp({
      create: { width: 20, height: 10, channels: 4, background: { r: 0, g: 200, b: 0, alpha: 0.4 } },
    })
      .png()
      .withMetadata({ orientation: 6 })
      .toBuffer()
    const { detail, pixels } = await rendered(iconOf([entry(png)]))
    expect(detail).toBe('20x10')
    expect([...pixels.subarray(0, 4)]).toEqual([0, 200, 0, 102])
  })

  it('of a PNG with 16 bits and a profile has the colours that the profile describes', async () => {
    const red = sharp({ create: { width: 8, height: 8, channels: 3, background: '#c83c3c' } })
    const png = await red.toColourspace('rgb16').withIccProfile('p3').png().toBuffer()
    const [r = 0, g = 0, b = 0] = (await rendered(iconOf([entry(png)]))).pixels
    for (const [shown, wanted] of [
      [r, 200],
      [g, 60],
      [b, 60],
    ] as const)
      expect(Math.abs(shown - wanted)).toBeLessThanOrEqual(2)
  })

  it('of a PNG is rendered without decompressing the texts in it', async () => {
    const [header, ...rest] = [...pngChunks(await halvesPng(20, 10))]
    const text = Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(40_000_000))])
    const png = Buffer.concat([
      PNG_SIGNATURE,
      encodePngChunk('IHDR', header?.data ?? Buffer.alloc(0)),
      ...Array.from({ length: 500 }, () => encodePngChunk('zTXt', text)),
      ...rest.map(({ id, data }) => encodePngChunk(id, data)),
    ])
    expect((await rendered(iconOf([entry(png)]))).detail).toBe('20x10')
  })

  it('of an animated PNG is a still image of its first frame', async () => {
    const frame = { left: 0, top: 0, width: 9, height: 9, dispose: 0, blend: 0, delay: [1, 10] as const }
    const png = await animatedPng({
      width: 9,
      height: 9,
      loop: 0,
      frames: [
        { ...frame, colour: [200, 0, 0, 255] },
        { ...frame, colour: [0, 0, 200, 255] },
      ],
    })
    const { detail, pixels } = await rendered(iconOf([entry(png)]))
    expect([detail, ...pixels.subarray(0, 3)]).toEqual(['9x9', 200, 0, 0])
  })

  it('of a truncated PNG shows the rows that exist', async () => {
    const png = await sharp(Buffer.alloc(100 * 100 * 3, 'random rows'), {
      raw: { width: 100, height: 100, channels: 3 },
    })
      .png({ compressionLevel: 0 })
      .toBuffer()
    const { detail, pixels } = await rendered(iconOf([entry(png.subarray(0, png.length / 2), 100)]))
    expect(detail).toBe('100x100')
    expect([pixels[3], pixels.at(-1)]).toEqual([255, 0])
  })
})

/** Builds a PNG of 300x300 pixels whose first chunk looks like a header of 16x16. */
async function disguisedPng(): Promise<Buffer> {
  const png = await halvesPng(300, 300)
  const size = Buffer.alloc(13)
  size.writeUInt32BE(16, 0)
  size.writeUInt32BE(16, 4)
  return Buffer.concat([PNG_SIGNATURE, encodePngChunk('abCd', size), png.subarray(PNG_SIGNATURE.length)])
}

describe('an icon that is damaged or hostile', () => {
  const good = entry(iconBitmap({ width: 2, height: 2, bits: 24, pixels: new Array(16).fill(9) }), 8)
  const TOO_LARGE = 'Image dimensions too large'
  it.each<[string, () => Promise<Uint8Array> | Uint8Array, string]>([
    ['has a PNG with a long side', () => iconOf([entry(declaredPng(100_000, 1), 256)]), TOO_LARGE],
    ['has a PNG of many pixels', () => iconOf([entry(declaredPng(16_000, 16_000), 256)]), TOO_LARGE],
    [
      'has a bitmap of many pixels',
      () => iconOf([entry(iconBitmap({ width: 16_000, height: 16_000, bits: 1, pixels: [] }))]),
      TOO_LARGE,
    ],
    [
      'has its largest entry beyond its end',
      () => iconOf([{ ...entry(good.image, 99), offset: 1e8 }, good]),
      '',
    ],
    ['has a largest entry of something else', () => iconOf([entry(Buffer.alloc(400, 7), 99), good]), ''],
    ['contains another icon', () => iconOf([entry(plainIcon(4, 4, [1, 2, 3]))]), ''],
    ['has 65,535 entries', () => iconOf(new Array(65_535).fill(good)), ''],
    ['has a PNG that ends after its header', () => iconOf([entry(declaredPng(16, 16))]), ''],
    [
      'has a PNG whose first chunk declares another size than its header',
      async () => iconOf([entry(await disguisedPng())]),
      '',
    ],
    ['ends within its directory', () => iconOf([good, good]).subarray(0, 30), ''],
  ])('is rejected when it %s', async (_, icon, text) => {
    const { status, detail } = await rendered(await icon())
    expect(status).toBe(400)
    expect(detail).toContain(text)
  })
})

describe('the internal routes', () => {
  async function ask(path: string, name: string) {
    const answer = await send(service.url, path, {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET },
      body: JSON.stringify({ type: 'upload', upload_filename: name }),
    })
    expect(answer.status).toBe(200)
    return JSON.parse(answer.body.toString())
  }

  it.each(['icon', 'cursor'] as const)('report and return an %s', async (type) => {
    const bitmap = iconBitmap({ width: 40, height: 20, bits: 32, pixels: new Array(3200).fill(200) })
    const file = iconOf([{ width: 40, height: 20, image: bitmap }], type)
    await service.put(type, file, undefined, 'uploads')
    expect(await ask('/_metadata', type)).toMatchObject({
      format: 'ico',
      content_type: 'image/vnd.microsoft.icon',
      width: 40,
      height: 20,
      size: file.length,
      animated: false,
      placeholder: expect.any(String),
    })
    expect(await ask('/_frames', type)).toEqual({
      frames: [{ timestamp: 0, mime_type: 'image/vnd.microsoft.icon', base64: file.toString('base64') }],
    })
  })
})
