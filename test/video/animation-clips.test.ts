/** Tests clips of animated images: their content, timing and size, and what is rejected. */

import { loadLibav } from '@media-proxy/origin/engine/process/libav/load.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { bouncing, FRAME_DELAYS_MS, FRAME_HEIGHT, FRAME_WIDTH } from '../pictures/drawings.ts'
import { FFMPEG, makeVideo } from '../videos.ts'
import { openClipClient } from './clip-client.ts'
import { colourOf, even, framesOf, inspectClip } from './clip-facts.ts'

const libav = await loadLibav()

describe.skipIf(FFMPEG === undefined || libav === undefined)(
  'a clip of an animated image (needs FFmpeg and libav)',
  () => {
    const client = openClipClient()
    const { ask, clip } = client

    const animations = [
      ['gif', () => moving().then((image) => image.gif({ delay: [...FRAME_DELAYS_MS], loop: 0 }).toBuffer())],
      [
        'webp',
        () =>
          moving().then((image) => image.webp({ delay: [...FRAME_DELAYS_MS], lossless: true }).toBuffer()),
      ],
    ] as const

    it.each(animations)('plays in MP4 as long as the %s, muted, on white', async (extension, make) => {
      const body = await clip(`moving.${extension}`, await make(), 'format=mp4')
      const facts = await inspectClip(body)
      expect(facts).toMatchObject({ video: 'h264', audio: undefined, pixels: 'yuv420p', profile: 'High' })
      expect(facts.seconds).toBeCloseTo(total(FRAME_DELAYS_MS) / 1000, 2)
      expect(facts.times.map((time) => Math.round(time * 1000))).toEqual(starts(FRAME_DELAYS_MS))
      expect(body.indexOf('moov')).toBeLessThan(body.indexOf('mdat'))
      const [first] = await framesOf(body, facts)
      expect(first && [...first.subarray(0, 3)].every((channel) => channel > 245)).toBe(true)
    })

    it('keeps the duration of each frame in MP4, however unequal they are', async () => {
      const delay = [100, 3000, 100]
      const gif = await boards(delay)
      const body = await clip('unequal.gif', gif, 'format=mp4')
      const facts = await inspectClip(body)
      expect(sampleSeconds(body)).toBeCloseTo(total(delay) / 1000, 2)
      expect(facts.times.map((time) => Math.round(time * 1000))).toEqual(starts(delay))
    })

    it.each(['format=mp4', 'format=webm'])('has fewer frames when fps asks for them: %s', async (query) => {
      const body = await clip('thin.gif', await boards(Array(10).fill(100)), `${query}&fps=5`)
      const { times, seconds } = await inspectClip(body)
      expect(times.map((time) => Math.round(time * 10))).toEqual([0, 2, 4, 6, 8])
      expect(seconds).toBeCloseTo(1, 1)
    })

    it.each(['webp', 'webp&width=8&blur=1', 'gif', 'gif&rotate=90'])(
      'has fewer frames when it stays an animated image: %s',
      async (format) => {
        const gif = await boards(Array(10).fill(100))
        const thin = await ask('thin.gif', gif, `format=${format}&animated=true&fps=5`)
        const { pages, delay } = await sharp(thin.body).metadata()
        expect({ pages, delay }).toEqual({ pages: 5, delay: Array(5).fill(200) })
      },
    )

    it('declares in AVIF the colour range that every browser reads alike', async () => {
      const gif = await boards([100, 100])
      const avif = await ask('red.gif', gif, 'format=avif&animated=true')
      expect(avif.status, client.service.log.at(-1)?.detail).toBe(200)
      const colours = avif.body.indexOf('nclx') + 'nclx'.length
      expect((avif.body[colours + 6] ?? 0) >> 7).toBe(0)
      const still = await ask('red.avif', avif.body, 'format=png')
      const pixels = await sharp(still.body).ensureAlpha().raw().toBuffer()
      expect(colourOf(pixels)).toBe('red')
    })

    it('keeps transparency in WebM', async () => {
      const body = await clip('see-through.gif', await animations[0][1](), 'format=webm')
      const facts = await inspectClip(body, 'libvpx-vp9')
      expect(facts).toMatchObject({ video: 'vp9', audio: undefined })
      const [first] = await framesOf(body, facts, 'libvpx-vp9')
      expect(first?.[3]).toBeLessThan(10)
      const middle = first?.subarray(first.length / 2 + facts.width * 2)
      expect(middle).toBeDefined()
      expect(Math.max(...(first ?? []).filter((_, at) => at % 4 === 3))).toBeGreaterThan(245)
    })

    it('has the requested size, with even sides', async () => {
      const body = await clip('small.gif', await animations[0][1](), 'format=mp4&width=31')
      expect(await inspectClip(body)).toMatchObject({
        width: 30,
        height: even((31 * FRAME_HEIGHT) / FRAME_WIDTH),
      })
    })

    it('has the requested start and duration', async () => {
      const body = await clip('part.gif', await animations[0][1](), 'format=mp4&time=0.05&duration=0.1')
      const facts = await inspectClip(body)
      expect(facts.seconds).toBeCloseTo(0.1, 2)
    })

    it.each([
      ['time=50%25', total(FRAME_DELAYS_MS) / 2000],
      ['time=0.8', 0.1],
      ['time=100', 0.1],
      ['time=100%25', 0.1],
    ])('contains at least one frame with %s', async (query, seconds) => {
      const body = await clip('late.gif', await animations[0][1](), `format=mp4&${query}`)
      const facts = await inspectClip(body)
      expect(facts.times.length).toBeGreaterThan(0)
      expect(facts.seconds).toBeCloseTo(seconds, 2)
    })

    // 24 megapixels are decoded at a time, which is twelve of these frames.
    it('has every frame of a large GIF in order', async () => {
      const body = await clip('large.gif', await greys(14), 'format=mp4')
      const facts = await inspectClip(body)
      expect(facts.times.map((time) => Math.round(time * 10))).toEqual([...Array(14).keys()])
      const levels = (await framesOf(body, { width: 16, height: 16 })).map((frame) => frame[0] ?? 0)
      for (const [index, level] of levels.entries()) expect(Math.abs(level - 10 * index)).toBeLessThan(5)
    })

    it('is rejected for a still image and for audio', async () => {
      const still = await sharp(await animations[0][1]())
        .png()
        .toBuffer()
      expect(await ask('still.png', still, 'format=mp4')).toMatchObject({ status: 400 })
      const audio = await makeVideo('wav', 'sine=d=1', [])
      expect(await ask('sound.wav', audio, 'format=mp4')).toMatchObject({ status: 400 })
    })
  },
)

/** Builds an animation of a bouncing ball with a transparent strip at its left edge. */
async function moving() {
  const { data, raw } = bouncing()
  const holed = Buffer.from(data)
  for (let pixel = 0; pixel < raw.width * raw.height; pixel += 1)
    if (pixel % raw.width < raw.width / 8) holed[pixel * 4 + 3] = 0
  return sharp(holed, { raw: { ...raw, pageHeight: FRAME_HEIGHT } })
}

/** Returns the sum of the sample durations of an MP4 (ISO/IEC 14496-12, section 8.6.1.2). */
function sampleSeconds(mp4: Buffer): number {
  const ticksPerSecond = mp4.readUInt32BE(mp4.indexOf('mdhd') + 16)
  const table = mp4.indexOf('stts') + 8
  const entries = Array.from({ length: mp4.readUInt32BE(table) }, (_, at) => table + 4 + 8 * at)
  return total(entries.map((at) => mp4.readUInt32BE(at) * mp4.readUInt32BE(at + 4))) / ticksPerSecond
}

/**
 * Builds an animation of a board of four colours that moves up with each frame, which x264 encodes with
 * reordered frames.
 */
function boards(delay: number[]): Promise<Buffer> {
  const [red, lime, blue, yellow] = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 0],
  ] as const
  const rows = [
    [red, blue],
    [lime, yellow],
    [blue, red],
    [yellow, lime],
  ]
  const [width, pageHeight] = [40, 30]
  const pixels = delay.flatMap((_, frame) =>
    Array.from({ length: width * pageHeight }, (_, at) => {
      const [column, row] = [Math.floor((at % width) / 10), Math.floor(at / width / 8) % 3]
      return rows[(row + frame) % rows.length]?.[column % 2] ?? []
    }),
  )
  const raw = { width, height: pageHeight * delay.length, channels: 3, pageHeight } as const
  return sharp(Buffer.from(pixels.flat()), { raw }).gif({ loop: 0, delay }).toBuffer()
}

function total(delays: readonly number[]): number {
  return delays.reduce((sum, delay) => sum + delay, 0)
}

function starts(delays: readonly number[]): readonly number[] {
  return delays.map((_, index) => total(delays.slice(0, index)))
}

/** Makes a GIF of 2000 x 1500 pixels with ten frames per second, each ten levels lighter than the last. */
function greys(frames: number): Promise<Buffer> {
  const drawn = 'color=c=black:s=20x15:r=10,format=rgba,geq=r=10*N:g=10*N:b=10*N:a=255'
  return makeVideo('gif', `${drawn},scale=2000:1500:flags=neighbor`, [], frames / 10)
}
