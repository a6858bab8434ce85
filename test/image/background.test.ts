/** Tests that a background has the requested colour, whatever the colours of the image on it are. */

import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedGif } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const GREY = { r: 90, g: 90, b: 90 }
const grey = (alpha: number) =>
  sharp({ create: { width: 40, height: 24, channels: 4, background: { ...GREY, alpha } } })

/** Those with alpha have an alpha of a half. */
const IMAGES = {
  'grey.jpg': () => grey(1).removeAlpha().toColourspace('b-w').jpeg().toBuffer(),
  'grey-alpha.png': () => grey(0.5).toColourspace('b-w').png().toBuffer(),
  'deep-grey-alpha.png': () => grey(0.5).toColourspace('grey16').png().toBuffer(),
  'deep-p3.png': () => grey(0.5).toColourspace('rgb16').withIccProfile('p3').png().toBuffer(),
  'grey.gif': () => grey(1).removeAlpha().toColourspace('b-w').gif().toBuffer(),
} as const

const BACKGROUND = [255, 32, 64] as const

describe('a background', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({})
    for (const [name, make] of Object.entries(IMAGES))
      await service.put(`attachments/1/${name}`, await make())
  })
  afterAll(() => service.close())

  async function pixels(name: string, query: string): Promise<Buffer> {
    const { status, body } = await send(
      service.url,
      `/attachments/1/${name}?background=ff2040&${query}${query.includes('format=') ? '' : '&format=png'}`,
    )
    expect(status).toBe(200)
    return sharp(body).toColourspace('srgb').removeAlpha().raw().toBuffer()
  }

  it.each(Object.keys(IMAGES))('has its colour around %s', async (name) => {
    for (const query of ['width=20&height=24&fit=contain', 'pad=2', 'width=20&height=24&fit=contain&pad=2']) {
      const [r = 0, g = 0, b = 0] = await pixels(name, query)
      expectNear([r, g, b], BACKGROUND)
    }
  })

  it('is exact around an image of a wider gamut than sRGB', async () => {
    for (const colour of ['ff0000', '00ff00', '1284d6', 'ffffff']) {
      const path = `/attachments/1/deep-p3.png?background=${colour}&width=20&height=24&fit=contain`
      for (const format of ['png', 'webp&quality=lossless']) {
        const { body } = await send(service.url, `${path}&format=${format}`)
        const corner = await sharp(body).removeAlpha().extract({ left: 0, top: 0, width: 1, height: 1 })
        expect((await corner.raw().toBuffer()).toString('hex')).toBe(colour)
      }
    }
  })

  it.each(['grey.gif', 'moving.gif'])('is exact in a GIF of %s, which lacks its colour', async (name) => {
    await service.put('attachments/1/moving.gif', await animatedGif(40, 24))
    for (const query of ['width=20&height=24&fit=contain', 'width=40&height=10&fit=contain&animated=true']) {
      const [r = 0, g = 0, b = 0] = await pixels(name, `${query}&format=gif`)
      expectNear([r, g, b], BACKGROUND)
    }
  })

  it.each(Object.keys(IMAGES))('that is not set darkens no blurred edge of %s', async (name) => {
    for (const query of ['pad=8', 'pad=8&rotate=90', 'width=40&height=12&fit=contain']) {
      const { body } = await send(service.url, `/attachments/1/${name}?format=png&blur=3&${query}`)
      const pixels = await sharp(body).ensureAlpha().raw().toBuffer()
      let edge = 0
      for (let at = 0; at < pixels.length; at += 4) {
        const [r = 0, g = 0, b = 0, alpha = 0] = pixels.subarray(at, at + 4)
        if (alpha < 40 || alpha > 120) continue
        edge += 1
        expectNear([r, g, b], [90, 90, 90], 4)
      }
      expect(edge, query).toBeGreaterThan(20)
    }
  })

  it.each(Object.keys(IMAGES).filter((name) => name.includes('.png')))('shows through %s', async (name) => {
    for (const query of ['width=20', 'width=20&rotate=90']) {
      const [r = 0, g = 0, b = 0] = await pixels(name, query)
      expectNear(
        [r, g, b],
        BACKGROUND.map((level) => (level + 90) / 2),
      )
    }
  })
})

function expectNear(colour: readonly number[], wanted: readonly number[], within = 2): void {
  for (const [at, level] of wanted.entries())
    expect(Math.abs((colour[at] ?? 0) - level)).toBeLessThanOrEqual(within)
}
