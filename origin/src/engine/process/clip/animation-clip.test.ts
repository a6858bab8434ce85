import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import type { FrameRange } from '../image/render-animation.ts'
import { loadLibav } from '../libav/load.ts'
import type { Strip } from '../pixels/strip.ts'
import { encodeAnimation, framesToShow, rangesOf } from './animation-clip.ts'

const libav = await loadLibav()
const WHOLE = { time: undefined, seconds: 60, fps: undefined }

describe('the frames of a clip', () => {
  it('are all frames of the animation by default', () => {
    expect(framesToShow([100, 50], WHOLE)).toEqual([
      { index: 0, shownMs: 100 },
      { index: 1, shownMs: 50 },
    ])
  })

  it('are those of the requested part, and the first and last are shortened to it', () => {
    const part = { time: { milliseconds: 150 }, seconds: 0.2, fps: undefined } as const
    expect(framesToShow([100, 100, 100, 100], part)).toEqual([
      { index: 1, shownMs: 50 },
      { index: 2, shownMs: 100 },
      { index: 3, shownMs: 50 },
    ])
  })

  it('are as many per second as requested', () => {
    const indices = framesToShow(Array(6).fill(50), { ...WHOLE, fps: 10 }).map(({ index }) => index)
    expect(indices).toEqual([0, 2, 4])
  })

  it('are decoded in ranges of limited length that skip what is not shown', () => {
    const shown = [0, 1, 2, 7, 8, 11].map((index) => ({ index, shownMs: 100 }))
    expect(rangesOf(shown, 3)).toEqual([
      { from: 0, to: 3 },
      { from: 7, to: 9 },
      { from: 11, to: 12 },
    ])
    expect(rangesOf(shown, 100)).toEqual([{ from: 0, to: 12 }])
  })
})

describe.skipIf(libav === undefined)('a clip of an animation that is decoded in ranges (needs libav)', () => {
  const shown = Array.from({ length: 6 }, (_, index) => ({ index, shownMs: 100 }))
  const size = { width: 32, height: 32 }

  /** Frames whose grey is their index times 40. Those from `transparentFrom` on are transparent. */
  function strip({ from, to }: FrameRange, transparentFrom = 6): Strip {
    const frameBytes = size.width * size.height * 4
    const data = Buffer.alloc(frameBytes * (to - from))
    for (let at = 0; at < data.length; at += 4) {
      const index = from + Math.floor(at / frameBytes)
      data.fill(40 * index, at, at + 3)
      data[at + 3] = index < transparentFrom ? 255 : 0
    }
    return { data, ...size, timing: { loop: 0 } }
  }

  async function encode(
    decode: (range: FrameRange) => Strip | Failure,
    { format = 'mp4', maxFrames = 2 }: { format?: 'mp4' | 'webm'; maxFrames?: number } = {},
  ) {
    if (libav === undefined) throw new Error('no libav')
    const progress: number[] = []
    const clip = await encodeAnimation(libav, {
      format,
      quality: 80,
      size,
      shown,
      ranges: rangesOf(shown, maxFrames),
      maxBytes: 1e6,
      decode: async (range) => decode(range),
      reportProgress: (share) => progress.push(share),
    })
    return { clip, encoded: progress.length }
  }

  it.each(['mp4', 'webm'] as const)('has the same bytes in %s as with one range', async (format) => {
    const parts = await encode((range) => strip(range), { format })
    const whole = await encode((range) => strip(range), { format, maxFrames: 6 })
    expect(parts.encoded).toBe(6)
    expect(parts.clip).toEqual(whole.clip)
  })

  it('has transparency in WebM that only its last frame has', async () => {
    const { clip } = await encode((range) => strip(range, 5), { format: 'webm' })
    const opaque = await encode((range) => strip(range), { format: 'webm' })
    if (isFailure(clip) || isFailure(opaque.clip)) throw new Error('no clip')
    // The element AlphaMode with the value 1 (Matroska, section 5.1.4.1.28.4).
    const alphaMode = Buffer.from([0x53, 0xc0, 0x81, 1])
    expect(clip.includes(alphaMode)).toBe(true)
    expect(opaque.clip.includes(alphaMode)).toBe(false)
  })

  it('ends before the range that cannot be decoded', async () => {
    const { clip, encoded } = await encode((range) => (range.from < 4 ? strip(range) : fail('undecodable')))
    expect(isFailure(clip)).toBe(false)
    expect(encoded).toBe(4)
  })

  it('ends after the last frame of a range that is incomplete', async () => {
    const { encoded } = await encode(({ from, to }) => strip({ from, to: Math.min(to, 3) }))
    expect(encoded).toBe(3)
  })

  it.each(['mp4', 'webm'] as const)('fails in %s when its first range cannot be decoded', async (format) => {
    const { clip } = await encode(() => fail('undecodable'), { format })
    expect(clip).toMatchObject({ code: 'undecodable' })
  })
})
