/** Tests that animations that play in browsers play in renditions as well. */

import { readSequence } from '@media-proxy/origin/engine/process/formats/heif/sequence.ts'
import { pngChunks } from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { corpusFiles, readCorpus } from '../corpus/corpus.ts'
import { send } from '../http.ts'
import { meanDifference } from '../pixels.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SECRET = 'internal-secret'
const [WIDTH, HEIGHT] = [24, 16]

/**
 * Builds an animation in which each pixel of each frame has its own colour. In all frames but the first,
 * `cleared` columns are transparent.
 */
async function animatedWebp(orientation?: number, cleared = 0): Promise<Buffer> {
  const pixels = Buffer.from(
    [0, 1, 2].flatMap((frame) =>
      Array.from({ length: WIDTH * HEIGHT }, (_, at) => [
        ...[(at % WIDTH) * 10, Math.floor(at / WIDTH) * 15, frame * 100],
        frame > 0 && at % WIDTH < cleared ? 0 : 255,
      ]).flat(),
    ),
  )
  const raw = { width: WIDTH, height: HEIGHT * 3, channels: 4, pageHeight: HEIGHT } as const
  const pipeline = sharp(pixels, { raw }).webp({ lossless: true, loop: 2, delay: [100, 200, 300] })
  return (orientation === undefined ? pipeline : pipeline.withMetadata({ orientation })).toBuffer()
}

describe('animations', () => {
  let service: Service
  const corpusAvif = corpusFiles('wild').find((file) => file.includes('Chimera'))
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    for (let orientation = 1; orientation <= 8; orientation += 1) {
      const bytes = await animatedWebp(orientation)
      await service.put(`attachments/1/${orientation}.webp`, bytes)
      await service.put(`${orientation}`, bytes, undefined, 'uploads')
    }
    const whole = await animatedWebp()
    await service.put('attachments/1/cut.webp', whole.subarray(0, whole.length - 20))
    if (corpusAvif !== undefined) {
      await service.put('attachments/1/sequence.avif', readCorpus(corpusAvif))
      await service.put('avatars/1/sequence', readCorpus(corpusAvif))
      await service.put('sequence', readCorpus(corpusAvif), undefined, 'uploads')
    }
  })
  afterAll(() => service.close())

  const post = async (route: string, file: string) => {
    const { body } = await send(service.url, route, {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: file, isNSFWAllowed: true }),
    })
    return JSON.parse(body.toString())
  }

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('play upright from WebP of orientation %d', async (orientation) => {
    const path = `/attachments/1/${orientation}.webp?animated=true&quality=lossless`
    const { status, body } = await send(service.url, `${path}&format=webp`)
    expect(status).toBe(200)
    const { delay, loop, pages } = await sharp(body).metadata()
    expect({ delay, loop, pages }).toEqual({ delay: [100, 200, 300], loop: 2, pages: 3 })
    for (let page = 0; page < 3; page += 1) {
      const upright = await sharp(await animatedWebp(orientation), { page })
        .autoOrient()
        .raw()
        .toBuffer()
      const ours = await sharp(body, { page }).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
      expect(ours.info.width).toBe(orientation > 4 ? HEIGHT : WIDTH)
      expect(meanDifference(ours.data, await withAlpha(upright))).toBeLessThan(1)
    }
    const apng = await send(service.url, `${path}&format=png`)
    expect([...pngChunks(apng.body)].filter(({ id }) => id === 'fcTL')).toHaveLength(3)
    expect(await post('/_metadata', `${orientation}`)).toMatchObject({
      animated: true,
      width: orientation > 4 ? HEIGHT : WIDTH,
    })
    expect((await post('/_frames', `${orientation}`)).frames.length).toBeGreaterThan(1)
  })

  it.each(['cover', 'contain', 'inside'])(
    'are cropped and padded upright from WebP of orientation 6, %s',
    async (fit) => {
      const path = `/attachments/1/6.webp?animated=true&format=webp&width=8&height=8&gravity=north&fit=${fit}`
      const { body } = await send(service.url, path)
      const { width, height, pages } = await sharp(body).metadata()
      expect([width, height === undefined ? 0 : height, pages]).toEqual([fit === 'inside' ? 5 : 8, 8, 3])
    },
  )

  it.each(['attention', 'entropy'])(
    'are cropped to the same point of interest as their still: %s',
    async (gravity) => {
      const path = `/attachments/1/1.webp?width=8&height=16&gravity=${gravity}&format=webp&quality=lossless`
      const [still, moving] = await Promise.all(
        ['false', 'true'].map(async (animated) => {
          const { body } = await send(service.url, `${path}&animated=${animated}`)
          return sharp(body, { page: 0 }).ensureAlpha().raw().toBuffer()
        }),
      )
      if (still === undefined || moving === undefined) throw new Error('no image')
      expect(meanDifference(still, moving)).toBeLessThan(1)
    },
  )

  it('declare transparency in WebP only when their frames leave something uncovered', async () => {
    const flagsOf = async (query: string, name = '1') => {
      const { body } = await send(
        service.url,
        `/attachments/1/${name}.webp?animated=true&format=webp&${query}`,
      )
      expect(body.toString('latin1', 12, 16)).toBe('VP8X')
      return body[20]
    }
    const [animation, alpha] = [2, 16]
    for (const query of [
      'pad=4',
      'pad=4&quality=lossless',
      'pad=4&maxbytes=5000',
      'width=12&height=12&fit=contain',
    ])
      expect(await flagsOf(query)).toBe(animation | alpha)
    await service.put('attachments/1/half.webp', await animatedWebp(undefined, WIDTH / 2))
    expect(await flagsOf('quality=lossless&trim=true', 'half')).toBe(animation | alpha)
    for (const query of ['width=12', 'pad=4&background=ffffff']) expect(await flagsOf(query)).toBe(animation)
  })

  it.each(['', '&blur=1'])('play as fast in GIF as in WebP%s', async (operation) => {
    const whole = sharp(await animatedWebp(), { pages: -1 })
    await service.put(
      'attachments/1/fast.webp',
      await whole.webp({ lossless: true, delay: [33, 33, 33] }).toBuffer(),
    )
    const path = `/attachments/1/fast.webp?animated=true&format=gif${operation}`
    const { status, body } = await send(service.url, path)
    expect([status, (await sharp(body).metadata()).delay]).toEqual([200, [30, 40, 30]])
  })

  it('play the complete frames of WebP that is cut off', async () => {
    const { status, body } = await send(service.url, '/attachments/1/cut.webp?animated=true&format=webp')
    expect([status, (await sharp(body).metadata()).pages]).toEqual([200, 2])
  })

  it.skipIf(corpusAvif === undefined)('need no AVIF still (skipped without MEDIA_CORPUS)', async () => {
    const { frames } = readSequence(readCorpus(String(corpusAvif))) ?? { frames: 0 }
    expect(frames).toBeGreaterThan(10)
    const moving = await send(service.url, '/attachments/1/sequence.avif?animated=true&format=webp&width=64')
    expect([moving.status, (await sharp(moving.body).metadata()).pages]).toEqual([200, frames])
    const still = await send(service.url, '/avatars/1/sequence.png?size=480')
    const { width, height } = await sharp(still.body).metadata()
    expect([still.status, width, height]).toEqual([200, 480, 270])
    expect(await post('/_metadata', 'sequence')).toMatchObject({
      animated: true,
      width: 480,
      height: 270,
      duration: 4,
    })
    const { frames: three } = await post('/_frames', 'sequence')
    expect(new Set(three.map(({ base64 }: { base64: string }) => base64)).size).toBe(3)
  })
})

function withAlpha(data: Buffer): Promise<Buffer> {
  const channels = data.length === WIDTH * HEIGHT * 4 ? 4 : 3
  const raw = { width: WIDTH, height: HEIGHT, channels } as const
  return sharp(data, { raw }).ensureAlpha().raw().toBuffer()
}
