import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { thumbHashToApproximateAspectRatio, thumbHashToAverageRGBA } from 'thumbhash'
import { describe, expect, it } from 'vitest'
import { placeholderOf } from './placeholder.ts'

const RED = { r: 200, g: 40, b: 20 }
const create = (width: number, height: number, alpha = 1) =>
  sharp({ create: { width, height, channels: 4, background: { ...RED, alpha } } })

async function hashOf(source: Parameters<typeof placeholderOf>[0]): Promise<Uint8Array> {
  const placeholder = await placeholderOf(source)
  if (isFailure(placeholder)) throw new Error(JSON.stringify(placeholder))
  expect(placeholder).toMatch(/^[A-Za-z0-9+/]+={0,2}$/)
  return Buffer.from(placeholder, 'base64')
}

/** How far the average colour is from red, 0..255; a hash has six bits a channel. */
function distanceFromRed(hash: Uint8Array): number {
  const { r, g, b } = thumbHashToAverageRGBA(hash)
  return Math.max(...[r * 255 - RED.r, g * 255 - RED.g, b * 255 - RED.b].map(Math.abs))
}

describe('the placeholder', () => {
  it.each([
    [640, 480],
    [100, 100],
    [1, 1],
    [4000, 1],
    [1, 4000],
  ])('of %dx%d has its colour', async (width, height) => {
    expect(distanceFromRed(await hashOf(await create(width, height).png().toBuffer()))).toBeLessThan(12)
  })

  it('keeps what is transparent transparent', async () => {
    const hash = await hashOf(await create(64, 64, 0).webp().toBuffer())
    expect(thumbHashToAverageRGBA(hash).a).toBeLessThan(0.05)
  })

  it('is of the first frame of what moves', async () => {
    const blue = await sharp({ create: { width: 40, height: 40, channels: 4, background: 'blue' } })
      .raw()
      .toBuffer()
    const frames = Buffer.concat([await create(40, 40).raw().toBuffer(), blue, blue])
    const raw = { width: 40, height: 120, channels: 4, pageHeight: 40 } as const
    for (const format of ['gif', 'webp'] as const) {
      const animation = await sharp(frames, { raw }).toFormat(format).toBuffer()
      expect(distanceFromRed(await hashOf(animation))).toBeLessThan(12)
    }
  })

  it('stands upright', async () => {
    const phone = await create(300, 100).jpeg().withMetadata({ orientation: 6 }).toBuffer()
    expect(thumbHashToApproximateAspectRatio(await hashOf(phone))).toBeLessThan(0.5)
  })

  it('is the same of pixels and of the file they came from', async () => {
    const png = await create(90, 60).png().toBuffer()
    const data = await create(90, 60).raw().toBuffer()
    expect(await placeholderOf({ data, width: 90, height: 60, channels: 4 })).toBe(await placeholderOf(png))
  })

  it('of what cannot be decoded is a failure', async () => {
    const broken = await placeholderOf(Buffer.from('no picture'))
    expect(isFailure(broken) && broken.code).toBe('undecodable')
  })
})
