import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, describe, expect, it } from 'vitest'
import { readSequence } from '../formats/heif/sequence.ts'
import { decodeHeifStill } from './heic.ts'
import { loadLibav } from './load.ts'
import { playFrames } from './play-frames.ts'
import { decodeJxl } from './still.ts'

const corpus = process.env.MEDIA_CORPUS
const libav = await loadLibav()
afterAll(() => libav?.pool.close())
const MAX_PIXELS = 4e7
const turnedHeic = join(import.meta.dirname, '../../../../../test/media/turned-p3.heic')

describe.skipIf(libav === undefined)('HEIC (needs FFmpeg’s libraries)', () => {
  it('joins its tiles, rotates them, and returns alpha and profile', async () => {
    if (libav === undefined) return
    const still = decodeHeifStill(libav, await readFile(turnedHeic), MAX_PIXELS)
    expect(still).toMatchObject({ width: 48, height: 64, channels: 4, bitsPerSample: 8 })
    if (isFailure(still)) throw new Error(still.detail)
    expect(still.icc).toHaveLength(480)
    // As libheif decodes it. Its chroma is coarser at edges and the same elsewhere.
    expect([...still.data.subarray(0, 4)]).toEqual([60, 60, 194, 255])
    expect([...still.data.subarray(-4)]).toEqual([184, 71, 65, 255])
  })

  it('is rejected as undecodable wherever it is cut off', async () => {
    if (libav === undefined) return
    const bytes = await readFile(turnedHeic)
    for (let length = 0; length < bytes.length - 170; length += 37)
      expect(decodeHeifStill(libav, bytes.subarray(0, length), MAX_PIXELS)).toMatchObject({
        code: 'undecodable',
      })
  })

  it('is rejected when it is larger than its limit', async () => {
    if (libav === undefined) return
    const still = decodeHeifStill(libav, await readFile(turnedHeic), 64 * 48 - 1)
    expect(still).toMatchObject({ code: 'undecodable' })
  })
})

describe.skipIf(corpus === undefined || libav === undefined)(
  'stills and sequences (needs MEDIA_CORPUS and FFmpeg’s libraries)',
  () => {
    const read = (name: string) => readFile(join(corpus ?? '', name))

    it('include JPEG XL', async () => {
      if (libav === undefined) return
      const still = decodeJxl(libav, await read('wild/p.jxl'), MAX_PIXELS)
      if (isFailure(still)) throw new Error(still.detail)
      expect(still).toMatchObject({ width: 200, height: 100, channels: 3, bitsPerSample: 8 })
      const start = (50 * 200 + 100) * 3
      expect([...still.data.subarray(start, start + 3)]).toEqual([255, 254, 54])
      expect(decodeJxl(libav, await read('wild/p.jxl'), 200 * 100 - 1)).toMatchObject({ code: 'undecodable' })
    })

    it('have the exact size of a HEIC', async () => {
      if (libav === undefined) return
      const still = decodeHeifStill(libav, await read('heic/rainbow-451x461.heic'), MAX_PIXELS)
      expect(still).toMatchObject({ width: 451, height: 461, channels: 3 })
    })

    it.each([
      ['animated/animated.avif', { width: 150, height: 150 }, 5, 4],
      ['wild/Chimera-AV1-10bit-480x270.avif', { width: 480, height: 270 }, 95, 3],
    ] as const)('play %s frame by frame', async (name, size, count, channels) => {
      if (libav === undefined) return
      const sequence = readSequence(await read(name))
      if (sequence === undefined) throw new Error('no sequence')
      let frames = 0
      for (const frame of playFrames(libav, sequence, {
        count: sequence.frames,
        size,
        maxPixels: MAX_PIXELS,
      })) {
        if (isFailure(frame)) throw new Error(frame.detail)
        expect(frame).toMatchObject({ ...size, channels })
        frames += 1
      }
      expect(frames).toBe(count)
    })

    it('end with a failure when a sequence is cut off', async () => {
      if (libav === undefined) return
      const bytes = await read('wild/Chimera-AV1-10bit-480x270.avif')
      const sequence = readSequence(bytes.subarray(0, Math.floor(bytes.length / 2)))
      if (sequence === undefined) throw new Error('no sequence')
      const size = { width: 48, height: 27 }
      const frames = [...playFrames(libav, sequence, { count: sequence.frames, size, maxPixels: MAX_PIXELS })]
      expect(frames.length).toBeGreaterThan(1)
      expect(frames.at(-1)).toMatchObject({ code: 'undecodable' })
    })
  },
)
