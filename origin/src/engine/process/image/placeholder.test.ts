import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { thumbHashToApproximateAspectRatio, thumbHashToAverageRGBA } from 'thumbhash'
import { describe, expect, it } from 'vitest'
import type { RawImage } from '../pixels/raw-image.ts'
import { placeholderOf } from './placeholder.ts'

const RED = { r: 200, g: 40, b: 20 }

async function create(width: number, height: number, alpha = 1): Promise<RawImage> {
  const background = { ...RED, alpha }
  const data = await sharp({ create: { width, height, channels: 4, background } })
    .raw()
    .toBuffer()
  return { data, width, height, channels: 4 }
}

async function hashOf(source: RawImage): Promise<Uint8Array> {
  const placeholder = await placeholderOf(source)
  if (isFailure(placeholder)) throw new Error(JSON.stringify(placeholder))
  expect(placeholder).toMatch(/^[A-Za-z0-9+/]+={0,2}$/)
  return Buffer.from(placeholder, 'base64')
}

/**
 * The largest channel difference between the average colour and red, 0..255. A hash has six bits per channel.
 */
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
  ])('of %dx%d has the colour of its image', async (width, height) => {
    expect(distanceFromRed(await hashOf(await create(width, height)))).toBeLessThan(12)
  })

  it('keeps transparency', async () => {
    const hash = await hashOf(await create(64, 64, 0))
    expect(thumbHashToAverageRGBA(hash).a).toBeLessThan(0.05)
  })

  it('has the aspect ratio of the image', async () => {
    expect(thumbHashToApproximateAspectRatio(await hashOf(await create(100, 300)))).toBeLessThan(0.5)
  })

  it('of fewer pixels than declared is a failure', async () => {
    const image = await create(8, 8)
    const broken = await placeholderOf({ ...image, data: image.data.subarray(8) })
    expect(isFailure(broken) && broken.code).toBe('undecodable')
  })
})
