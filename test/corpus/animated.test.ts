/** Tests real animations and HEIC images. MEDIA_CORPUS names their folder. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Apng, readApng } from '@media-proxy/origin/engine/process/formats/png/apng.ts'
import { playApng } from '@media-proxy/origin/engine/process/formats/png/apng-compose.ts'
import { decodeHeic } from '@media-proxy/origin/engine/process/image/heic.ts'
import { placeholderOf } from '@media-proxy/origin/engine/process/image/placeholder.ts'
import { renderImage } from '@media-proxy/origin/engine/process/image/render-image.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { noStills } from '../fixtures.ts'
import { inspectImage } from '../image/inspect-image.ts'

const corpus = process.env.MEDIA_CORPUS
const limits = { sourceBytes: 1e8, decodedBytes: 5e8, sidePixels: 16384, frames: 1000 }

function value<T>(result: T): Exclude<T, Failure> {
  if (isFailure(result)) throw new Error(`${result.code}: ${result.detail}`)
  return result as Exclude<T, Failure>
}

const file = (path: string) => readFile(join(corpus ?? '', path))

async function render(
  bytes: Buffer,
  source: 'png' | 'gif' | 'webp' | 'avif',
  output: 'png' | 'webp' | 'gif',
) {
  const info = value(await inspectImage(bytes, source, { limits, animated: true }))
  const plan = { width: info.width, height: info.height, mode: 'exact', gravity: 'centre' } as const
  const order = { plan, format: output, quality: 'lossless', animated: true } as const
  return { info, bytes: value(await renderImage({ bytes, info }, order, noStills)) }
}

async function play(apng: Apng): Promise<readonly Buffer[]> {
  const frames: Buffer[] = []
  for await (const shown of playApng(apng)) frames.push(Buffer.from(value(shown).data))
  return frames
}

describe.skipIf(corpus === undefined)('an animated PNG as a source (skipped without MEDIA_CORPUS)', () => {
  // The colour that every conforming viewer ends with, according to the author of the test images.
  it.each([
    ['apng-blend-over.png', 2, [100, 100], [0, 255, 0, 255]],
    ['apng-delay.png', 4, [500, 1000, 500, 1000], [255, 255, 0, 255]],
    ['apng-dispose-background.png', 3, [100, 100, 100], [0, 0, 0, 0]],
  ] as const)('has its frames and delays: %s', async (name, count, delays, last) => {
    const apng = value(readApng(await file(`animated/${name}`)))
    expect(apng.frames.map(({ delayMs }) => delayMs)).toEqual(delays)
    const frames = await play(apng)
    expect(frames).toHaveLength(count)
    const middle = (apng.width * (apng.height >> 1) + (apng.width >> 1)) * 4
    expect([...(frames.at(-1)?.subarray(middle, middle + 4) ?? [])]).toEqual(last)
  })
})

describe.skipIf(corpus === undefined)('an animated PNG as output (skipped without MEDIA_CORPUS)', () => {
  it.each([
    ['dispose-background.gif', 'gif'],
    ['loop-3.gif', 'gif'],
    ['no-loop.gif', 'gif'],
    ['party.gif', 'gif'],
    ['restore-previous.gif', 'gif'],
    ['rotating-squares.gif', 'gif'],
    ['rotating-squares.webp', 'webp'],
    ['animated.webp', 'webp'],
  ] as const)('keeps every pixel, delay and loop count of %s', async (name, format) => {
    const source = await file(`animated/${name}`)
    const { info, bytes } = await render(source, format, 'png')
    const apng = value(readApng(bytes))
    const { loop, delay } = await sharp(source).metadata()
    expect(apng.frames.map(({ delayMs }) => delayMs)).toEqual(delay)
    expect(apng.loop).toBe(loop)
    const whole = await sharp(source, { pages: -1 }).ensureAlpha().raw().toBuffer()
    const frames = await play(apng)
    expect(frames).toHaveLength(info.frames)
    expect(Buffer.concat(frames).equals(whole)).toBe(true)
  })
})

describe.skipIf(corpus === undefined)('other sources (skipped without MEDIA_CORPUS)', () => {
  it('include an animated AVIF, by its first frame', async () => {
    const { info, bytes } = await render(await file('animated/animated.avif'), 'avif', 'webp')
    const { width, height, pages } = await sharp(bytes).metadata()
    expect([width, height, pages]).toEqual([info.width, info.height, undefined])
  })

  it('include HEIC', async () => {
    const source = await file('heic/rainbow-451x461.heic')
    const info = value(await inspectImage(source, 'heic', { limits, animated: false }))
    expect([info.width, info.height, info.hasAlpha]).toEqual([451, 461, false])
    const image = value(await decodeHeic(source, info))
    const corner = (x: number, y: number) => [
      ...image.data.subarray((y * 451 + x) * 3, (y * 451 + x) * 3 + 3),
    ]
    // Violet, cyan, red and green at the corners, nearly white in the middle.
    expect(corner(2, 2)).toEqual([
      expect.closeTo(159, -1.5),
      expect.closeTo(9, -1.5),
      expect.closeTo(254, -1.5),
    ])
    expect(Math.min(...corner(225, 230))).toBeGreaterThan(200)
    expect(value(await placeholderOf(image))).toMatch(/^[A-Za-z0-9+/]{20,}=*$/)
  })
})
