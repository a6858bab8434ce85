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
import { decodeImage } from '@media-proxy/origin/engine/process/image/decode.ts'
import { renderImage } from '@media-proxy/origin/engine/process/image/render-image.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { type AnimatedPngOptions, animatedPng, movingPng, noStills, type PngFrame } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin } from '../services.ts'
import { inspectImage } from './inspect-image.ts'

const RED = [255, 0, 0, 255] as const
const GREEN = [0, 255, 0, 255] as const
const BLUE = [0, 0, 255, 255] as const
const NOTHING = [0, 0, 0, 0] as const
const [NONE, BACKGROUND, PREVIOUS] = [0, 1, 2] as const
const [SOURCE, OVER] = [0, 1] as const

const SIDE = 8
const whole: PngFrame = {
  left: 0,
  top: 0,
  width: SIDE,
  height: SIDE,
  colour: RED,
  delay: [1, 10],
  dispose: NONE,
  blend: SOURCE,
}
const corner = { ...whole, left: 4, top: 4, width: 4, height: 4 }

const make = (frames: readonly PngFrame[], options: Partial<AnimatedPngOptions> = {}) =>
  animatedPng({ width: SIDE, height: SIDE, loop: 0, frames, ...options })

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

const limits = { sourceBytes: 1e6, decodedBytes: 1e6, sidePixels: 16384, frames: 100 }

describe('a default image that is not a frame', () => {
  const hidden = () => make([whole, { ...whole, colour: GREEN }], { defaultColour: BLUE })

  it('is distinguished from a first frame', async () => {
    expect(hidesDefaultImage(await hidden())).toBe(true)
    expect(hidesDefaultImage(await make([whole]))).toBe(false)
    expect(
      hidesDefaultImage(
        await sharp(await hidden())
          .png()
          .toBuffer(),
      ),
    ).toBe(false)
  })

  it('is not shown as the still', async () => {
    const bytes = await hidden()
    const info = await inspectImage(bytes, 'png', { limits, animated: false })
    if (isFailure(info)) throw new Error(info.detail)
    const plan = { width: 4, height: 4, mode: 'exact', gravity: 'centre' } as const
    const order = { plan, format: 'png', quality: 80, animated: false } as const
    const rendered = await renderImage({ bytes, info }, order, noStills)
    if (isFailure(rendered)) throw new Error(rendered.detail)
    expect([...(await sharp(rendered).raw().toBuffer()).subarray(0, 4)]).toEqual([...RED])
  })
})

describe('an animation that costs too much', () => {
  it('is rejected before it is decoded: each frame costs a whole canvas, whatever part it draws', async () => {
    const service = await openFilesystemOrigin()
    try {
      const side = 3000
      const frames = Array.from({ length: 300 }, (_, index) =>
        index === 0 ? { ...whole, width: side, height: side } : { ...whole, width: 1, height: 1 },
      )
      await service.put(
        'attachments/1/large.png',
        await animatedPng({ width: side, height: side, loop: 0, frames }),
      )
      const ask = (query: string) =>
        send(service.url, `/attachments/1/large.png?format=webp&width=30${query}`)
      const { status, body } = await ask('&animated=true')
      expect([status, body.toString()]).toEqual([400, 'Image dimensions too large'])
      expect((await ask('')).status).toBe(200)
    } finally {
      await service.close()
    }
  })
})

describe('an orientation in an animated PNG', () => {
  it('rotates its dimensions and all of its frames', async () => {
    const bytes = await movingPng(40, 30)
    const exif = Buffer.from('MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0', 'latin1')
    const turned = Buffer.concat([bytes.subarray(0, 33), encodePngChunk('eXIf', exif), bytes.subarray(33)])
    expect((await sharp(turned).metadata()).orientation).toBe(6)
    const info = await inspectImage(turned, 'png', { limits, animated: true })
    expect(info).toMatchObject({ width: 30, height: 40, orientation: 6, frames: 3 })
    if (isFailure(info)) throw new Error(info.detail)
    const plan = { width: 30, height: 40, mode: 'exact', gravity: 'centre' } as const
    for (const format of ['png', 'webp', 'gif'] as const) {
      const order = { plan, format, quality: 'lossless', animated: true } as const
      const rendered = await renderImage({ bytes: turned, info }, order, noStills)
      if (isFailure(rendered)) throw new Error(rendered.detail)
      const { width, height, pageHeight = height } = await sharp(rendered).metadata()
      expect([width, pageHeight]).toEqual([30, 40])
    }
    const first = await decodeImage(turned, info, { frame: 0, maxSidePixels: 40 }, noStills)
    const second = await decodeImage(turned, info, { frame: 1, maxSidePixels: 40 }, noStills)
    expect([first, second]).toMatchObject([
      { width: 30, height: 40 },
      { width: 30, height: 40 },
    ])
  })
})

describe('single frames', () => {
  it.each([
    [0, RED],
    [2, BLUE],
    [99, BLUE],
  ])('show frame %d of an animation as it is displayed', async (frame, [red, , blue]) => {
    const animated = await movingPng(40, 30)
    for (const [format, bytes] of [
      ['png', animated],
      ['gif', await rendition(animated, 'gif')],
      ['webp', await rendition(animated, 'webp')],
    ] as const) {
      const info = await inspectImage(bytes, format, { limits, animated: true })
      if (isFailure(info)) throw new Error(info.detail)
      const image = await decodeImage(bytes, info, { frame, maxSidePixels: 20 }, noStills)
      if (isFailure(image)) throw new Error(image.detail)
      expect([image.width, image.height]).toEqual([20, 15])
      const [r = 0, , b = 0] = image.data
      expect(Math.abs(r - red) + Math.abs(b - blue)).toBeLessThan(20)
    }
  })

  async function rendition(bytes: Uint8Array, format: 'gif' | 'webp'): Promise<Uint8Array> {
    const info = await inspectImage(bytes, 'png', { limits, animated: true })
    if (isFailure(info)) throw new Error(info.detail)
    const plan = { width: 40, height: 30, mode: 'exact', gravity: 'centre' } as const
    const order = { plan, format, quality: 'lossless', animated: true } as const
    const rendered = await renderImage({ bytes, info }, order, noStills)
    if (isFailure(rendered)) throw new Error(rendered.detail)
    return rendered
  }
})

describe('delays and loop counts beyond the limits of other formats', () => {
  it.each(['webp', 'gif'] as const)('are as large as %s can store them', async (format) => {
    const bytes = await make(
      [
        { ...whole, delay: [120, 1] },
        { ...corner, colour: GREEN, delay: [1, 10] },
      ],
      {
        loop: 100_000,
      },
    )
    const info = await inspectImage(bytes, 'png', { limits, animated: true })
    if (isFailure(info)) throw new Error(info.detail)
    const plan = { width: SIDE, height: SIDE, mode: 'exact', gravity: 'centre' } as const
    const rendered = await renderImage(
      { bytes, info },
      { plan, format, quality: 80, animated: true },
      noStills,
    )
    if (isFailure(rendered)) throw new Error(rendered.detail)
    const { pages, delay = [], loop } = await sharp(rendered).metadata()
    expect([pages, delay[1]]).toEqual([2, 100])
    expect(delay[0]).toBeGreaterThanOrEqual(65_500)
    expect(loop).toBeGreaterThanOrEqual(65_535)
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
