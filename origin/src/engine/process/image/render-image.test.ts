import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { Render } from './render.ts'
import { renderRaw } from './render-image.ts'

const render = (format: Render['format'], width: number, height: number): Render => ({
  plan: { width, height, mode: 'exact', gravity: 'centre' },
  format,
  quality: 80,
  animated: false,
})

/** Left half red, right half blue, with the given alpha. */
function halves(width: number, height: number, channels: 3 | 4, alpha = 255): Uint8Array {
  const data = new Uint8Array(width * height * channels)
  for (let at = 0; at < width * height; at += 1) {
    const colour = at % width < width / 2 ? [220, 30, 30, alpha] : [30, 30, 220, alpha]
    data.set(colour.slice(0, channels), at * channels)
  }
  return data
}

async function decode(bytes: unknown) {
  if (!(bytes instanceof Uint8Array)) throw new Error(`not rendered: ${JSON.stringify(bytes)}`)
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
  return { info, pixel: (x: number, y: number) => [...data.subarray((y * info.width + x) * info.channels)] }
}

describe('raw pixels', () => {
  it.each(['png', 'jpeg', 'webp', 'gif', 'avif'] as const)('become %s as planned', async (format) => {
    const image = { data: halves(80, 40, 3), width: 80, height: 40, channels: 3 as const }
    const { info, pixel } = await decode(await renderRaw(image, render(format, 40, 20)))
    expect([info.width, info.height]).toEqual([40, 20])
    const [red = 0, , blue = 255] = pixel(5, 10)
    expect(red).toBeGreaterThan(200)
    expect(blue).toBeLessThan(50)
  })

  it('keep their alpha, or are placed on white when the format has none', async () => {
    const image = { data: halves(16, 16, 4, 0), width: 16, height: 16, channels: 4 as const }
    const kept = await decode(await renderRaw(image, render('webp', 16, 16)))
    expect([kept.info.channels, kept.pixel(4, 4)[3]]).toEqual([4, 0])
    const flat = await decode(await renderRaw(image, render('jpeg', 16, 16)))
    expect(flat.pixel(4, 4).slice(0, 3)).toEqual([255, 255, 255])
  })

  it('fail when they are fewer than their declared size', async () => {
    const image = { data: new Uint8Array(10), width: 80, height: 40, channels: 3 as const }
    const rendered = await renderRaw(image, render('webp', 40, 20))
    expect(isFailure(rendered) && rendered.code).toBe('undecodable')
  })
})
