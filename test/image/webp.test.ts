/** Tests that a WebP is scaled down as well as any other image. */

import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { meanDifference } from '../pixels.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SIDE = 300

/** Builds rings that become finer towards the edges: poor scaling draws additional ones next to them. */
function rings(): Buffer {
  const data = Buffer.alloc(SIDE * SIDE * 3)
  for (let at = 0; at < SIDE * SIDE; at += 1) {
    const [x, y] = [(at % SIDE) - SIDE / 2, Math.floor(at / SIDE) - SIDE / 2]
    data.fill(127 + 127 * Math.cos((x * x + y * y) / SIDE), at * 3, at * 3 + 3)
  }
  return data
}

const raw = { width: SIDE, height: SIDE, channels: 3 } as const
const image = () => sharp(rings(), { raw })
/** An animation of two frames with these rings. */
const moving = () =>
  sharp(Buffer.concat([rings(), rings()]), { raw: { ...raw, height: 2 * SIDE, pageHeight: SIDE } })

async function open(settings: Record<string, string>): Promise<Service> {
  const service = await openFilesystemOrigin(settings)
  await service.put('attachments/1/still.png', await image().png().toBuffer())
  await service.put('attachments/1/still.webp', await image().webp({ lossless: true }).toBuffer())
  await service.put(
    'attachments/1/moving.webp',
    await moving()
      .webp({ lossless: true, delay: [100, 100] })
      .toBuffer(),
  )
  return service
}

async function pixels(service: Service, name: string, query: string): Promise<Buffer> {
  const { status, body } = await send(
    service.url,
    `/attachments/1/${name}?format=png&quality=lossless&${query}`,
  )
  expect(status).toBe(200)
  return sharp(body).removeAlpha().raw().toBuffer()
}

describe('a WebP', () => {
  let fine: Service
  let fast: Service
  beforeAll(async () => {
    fine = await open({})
    fast = await open({ MEDIA_PROXY_RENDER_QUALITY: 'fast' })
  })
  afterAll(async () => {
    await fine.close()
    await fast.close()
  })

  it.each([
    'width=200',
    'width=150',
    'width=97',
    'width=60',
    'width=80&height=50',
    'width=80&height=50&gravity=east',
  ])('is scaled by %s like the same PNG', async (query) => {
    const png = await pixels(fine, 'still.png', query)
    expect(meanDifference(await pixels(fine, 'still.webp', query), png)).toBeLessThan(1)
    expect(meanDifference(await pixels(fine, 'moving.webp', `${query}&animated=true`), png)).toBeLessThan(1)
  })

  it.each([
    [1000, 1],
    [1, 1000],
    [16_383, 2],
    [5, 5],
    [1023, 77],
  ])('of %i by %i pixels gets the same size as a PNG', async (width, height) => {
    const colour = { create: { width, height, channels: 3, background: '#3080c0' } } as const
    await fine.put('attachments/1/odd.png', await sharp(colour).png().toBuffer())
    await fine.put('attachments/1/odd.webp', await sharp(colour).webp({ quality: 90 }).toBuffer())
    for (const query of ['width=1', 'height=1', 'width=33&height=33', 'width=20&height=90&fit=contain']) {
      const path = (name: string) => `/attachments/1/${name}?format=png&${query}`
      const [webp, png] = [await send(fine.url, path('odd.webp')), await send(fine.url, path('odd.png'))]
      const [made, wanted] = [await sharp(webp.body).stats(), await sharp(png.body).stats()]
      const sizes = [await sharp(webp.body).metadata(), await sharp(png.body).metadata()]
      expect([query, sizes[0]?.width, sizes[0]?.height]).toEqual([query, sizes[1]?.width, sizes[1]?.height])
      for (const [at, { mean }] of made.channels.entries())
        expect(Math.abs(mean - (wanted.channels[at]?.mean ?? 0))).toBeLessThan(4)
    }
  })

  it('is scaled by its codec in fast mode', async () => {
    const png = await pixels(fast, 'still.png', 'width=97')
    expect(meanDifference(await pixels(fast, 'still.webp', 'width=97'), png)).toBeGreaterThan(2)
  })
})
