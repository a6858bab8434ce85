import { deflateSync } from 'node:zlib'
import {
  type Apng,
  countApngFrames,
  hidesDefaultImage,
  readApng,
} from '@media-proxy/origin/engine/process/formats/png/apng.ts'
import { playApng } from '@media-proxy/origin/engine/process/formats/png/apng-compose.ts'
import { encodeApng } from '@media-proxy/origin/engine/process/formats/png/apng-encode.ts'
import {
  encodePngChunk,
  PNG_SIGNATURE,
  pngChunks,
} from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { movingPng } from '../fixtures.ts'
import {
  BACKGROUND,
  BLUE,
  corner,
  GREEN,
  make,
  NONE,
  NOTHING,
  OVER,
  PREVIOUS,
  RED,
  whole,
} from './apng-frames.ts'

function read(bytes: Uint8Array): Apng {
  const apng = readApng(bytes)
  if (isFailure(apng)) throw new Error(apng.detail)
  return apng
}

/** Returns each frame's colours at the top left and the bottom right. */
async function play(bytes: Uint8Array) {
  const frames: unknown[] = []
  for await (const shown of playApng(read(bytes))) {
    if (isFailure(shown)) throw new Error(shown.detail)
    const { data } = shown
    frames.push([[...data.subarray(0, 4)], [...data.subarray(data.length - 4)]])
  }
  return frames
}

describe('playing an animated PNG', () => {
  const half = [0, 0, 255, 128] as const

  it.each([
    {
      why: 'draws a part over the earlier pixels',
      first: whole,
      second: { ...corner, colour: GREEN },
      end: GREEN,
    },
    {
      why: 'replaces the earlier pixels and their alpha with the blending source',
      first: whole,
      second: { ...corner, colour: NOTHING },
      end: NOTHING,
    },
    {
      why: 'keeps the earlier pixels under transparent ones with the blending over',
      first: whole,
      second: { ...corner, colour: NOTHING, blend: OVER },
      end: RED,
    },
    {
      why: 'mixes the colours with the blending over',
      first: whole,
      second: { ...corner, colour: half, blend: OVER },
      end: [127, 0, 128, 255] as const,
    },
  ])('$why', async ({ first, second, end }) => {
    expect(await play(await make([first, second]))).toEqual([
      [RED, RED],
      [RED, end],
    ])
  })

  it('mixes hundreds of times without getting darker', async () => {
    const veil = { ...whole, colour: [200, 200, 200, 3] as const, blend: OVER }
    const frames = [
      { ...whole, colour: [200, 200, 200, 255] as const },
      ...Array.from({ length: 300 }, () => veil),
    ]
    expect((await play(await make(frames))).at(-1)).toEqual([
      [200, 200, 200, 255],
      [200, 200, 200, 255],
    ])
  })

  it.each([
    ['none', NONE, GREEN],
    ['background', BACKGROUND, NOTHING],
    ['previous', PREVIOUS, RED],
  ])('applies the disposal %s', async (_, dispose, left) => {
    const frames = [
      whole,
      { ...corner, colour: GREEN, dispose },
      { ...corner, width: 1, height: 1, colour: BLUE },
    ]
    expect(await play(await make(frames))).toEqual([
      [RED, RED],
      [RED, GREEN],
      [RED, left],
    ])
  })

  it('treats the disposal previous of the first frame as background', async () => {
    const frames = [
      { ...whole, dispose: PREVIOUS },
      { ...corner, colour: BLUE },
    ]
    expect(await play(await make(frames))).toEqual([
      [RED, RED],
      [NOTHING, BLUE],
    ])
  })

  it('reads delays as fractions, and a denominator of 0 as hundredths', async () => {
    const delays: readonly (readonly [number, number])[] = [
      [1, 3],
      [7, 0],
      [0, 1],
      [65535, 1],
    ]
    const { frames, loop } = read(
      await make(
        delays.map((delay) => ({ ...whole, delay })),
        { loop: 3 },
      ),
    )
    expect(frames.map(({ delayMs }) => delayMs)).toEqual([333, 70, 0, 65_535_000])
    expect(loop).toBe(3)
  })

  it('reads no more frames than the header declares', async () => {
    const bytes = await make([whole, whole, whole], { announcedFrames: 2 })
    expect(countApngFrames(bytes)).toBe(2)
    expect(read(bytes).frames).toHaveLength(2)
  })

  it('reads the existing frames when the header declares more', async () => {
    const bytes = await make([whole, whole], { announcedFrames: 3 })
    expect(countApngFrames(bytes)).toBe(2)
    expect(read(bytes).frames).toHaveLength(2)
  })

  it('has its frames when the control chunk of the first one precedes the header', async () => {
    const bytes = await make([whole, { ...whole, colour: GREEN }])
    const chunks = [...pngChunks(bytes)].filter(({ id }) => id !== 'acTL')
    const header = encodePngChunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]))
    const swapped = Buffer.concat([
      PNG_SIGNATURE,
      ...chunks.flatMap(({ id, data }) => [...(id === 'IDAT' ? [header] : []), encodePngChunk(id, data)]),
    ])
    expect([countApngFrames(swapped), (await play(swapped)).length]).toEqual([2, 2])
  })

  it('does not count a control chunk without data', async () => {
    const bytes = await make([whole, whole])
    const last = bytes.lastIndexOf('fdAT') - 4
    const without = Buffer.concat([bytes.subarray(0, last), encodePngChunk('IEND')])
    expect([countApngFrames(without), read(without).frames.length]).toEqual([1, 1])
  })

  it.each([0, 0x8000_0000, 0xffff_ffff])(
    'is a plain PNG when its header declares %i frames',
    async (count) => {
      const bytes = await make([whole, whole], { announcedFrames: count, defaultColour: BLUE })
      expect([countApngFrames(bytes), hidesDefaultImage(bytes)]).toEqual([1, false])
    },
  )

  it('uses the first header, which was checked, and ignores a second one', async () => {
    const bytes = await make([whole, whole, whole], { announcedFrames: 2 })
    const header = bytes.subarray(33, 53)
    const second = Buffer.concat([bytes.subarray(0, 53), header, bytes.subarray(53)])
    second.writeUInt32BE(3, 53 + 8)
    expect(countApngFrames(second)).toBe(2)
    expect(read(second).frames).toHaveLength(2)
  })

  it.each([
    ['is large', Buffer.alloc(300 * 1024)],
    ['unpacks to a lot', Buffer.concat([Buffer.from('x\0\0'), deflateSync(Buffer.alloc(2 * 1024 * 1024))])],
  ])('does not copy into every frame a profile that %s', async (_, profile) => {
    const bytes = await movingPng(8, 8)
    const profiled = Buffer.concat([
      bytes.subarray(0, 33),
      encodePngChunk('iCCP', profile),
      bytes.subarray(33),
    ])
    const [first] = read(profiled).frames
    expect(Buffer.from(first?.png() ?? []).includes('iCCP')).toBe(false)
    expect(read(profiled).frames).toHaveLength(read(bytes).frames.length)
  })

  it.each([
    ['a frame without a width', { ...corner, width: 0 }],
    ['a frame beyond the right', { ...corner, left: 5 }],
    ['a frame beyond the bottom', { ...corner, top: 5 }],
    ['a frame far outside', { ...corner, left: 0xffff_fff0, width: 16 }],
    ['an unknown disposal', { ...corner, dispose: 3 }],
    ['an unknown blending', { ...corner, blend: 2 }],
  ] as const)('ends before %s, as browsers do', async (_, frame) => {
    const bytes = await make([whole, corner, frame, corner])
    expect(countApngFrames(bytes)).toBe(2)
    expect(read(bytes).frames).toHaveLength(2)
    const hidden = await make([frame, corner], { defaultColour: BLUE })
    expect([countApngFrames(hidden), hidesDefaultImage(hidden)]).toEqual([1, false])
  })

  it('fails without a frame', async () => {
    const apng = readApng(await make([], { announcedFrames: 3, defaultColour: BLUE }))
    expect(isFailure(apng) && apng.code).toBe('undecodable')
  })

  it('ends at a frame with corrupt pixels', async () => {
    const bytes = await make([whole, { ...corner, colour: GREEN }])
    // Overwrites the data of the last frame, after its sequence number.
    bytes.fill(0xff, bytes.lastIndexOf('fdAT') + 8, bytes.lastIndexOf('IEND') - 8)
    const shown = []
    for await (const frame of playApng(read(bytes))) shown.push(isFailure(frame) ? frame.code : 'shown')
    expect(shown).toEqual(['shown', 'undecodable'])
  })
})

describe('writing an animated PNG', () => {
  const width = 24
  const height = 16
  const delay = [20, 70_000, 100_000_000, 0, 33]

  /** Returns five frames: noise, a changed pixel, no change, a changed part, all changed. */
  function frames(alpha: number): readonly Uint8Array[] {
    const first = new Uint8Array(width * height * 4).map((_, at) => (at % 4 === 3 ? alpha : (at * 73) % 256))
    const second = first.with(4 * (width * 5 + 7), 1)
    const fourth = second.map((value, at) => {
      const x = (at >> 2) % width
      return x > 3 && x < 9 && at % 4 < 3 ? 255 - value : value
    })
    return [first, second, second, fourth, first.map((value, at) => (at % 4 === 3 ? value : value ^ 0x55))]
  }

  it.each([255, 120, 0])('keeps every pixel of every frame, alpha %d', async (alpha) => {
    const made = frames(alpha)
    const bytes = await encodeApng({ data: Buffer.concat(made), width, height, timing: { loop: 5, delay } })
    const shown: Buffer[] = []
    for await (const frame of playApng(read(bytes))) {
      if (isFailure(frame)) throw new Error(frame.detail)
      shown.push(Buffer.from(frame.data))
    }
    expect(shown.map((frame, index) => frame.equals(made[index] ?? frame.subarray(1)))).toEqual(
      made.map(() => true),
    )
    expect((await sharp(bytes).metadata()).channels).toBe(alpha === 255 ? 3 : 4)
  })

  it('keeps its timing, and draws only what changed', async () => {
    const data = Buffer.concat(frames(255))
    const apng = read(await encodeApng({ data, width, height, timing: { loop: 5, delay } }))
    expect(apng.loop).toBe(5)
    // Beyond 65 seconds the format counts in seconds, up to 65535.
    expect(apng.frames.map(({ delayMs }) => delayMs)).toEqual([20, 70_000, 65_535_000, 0, 33])
    expect(apng.frames.map((frame) => [frame.left, frame.top, frame.width, frame.height])).toEqual([
      [0, 0, width, height],
      [7, 5, 1, 1],
      [0, 0, 1, 1],
      [4, 0, 5, height],
      [0, 0, width, height],
    ])
  })
})
