/**
 * Tests that GIFs look as in browsers: transparent where no frame has painted, and where a frame was disposed
 * of.
 */

import { gifFrames } from '@media-proxy/origin/engine/process/formats/gif/gif-frames.ts'
import { pngChunks } from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedGif } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const SIDE = 16
const SECRET = 'internal-secret'
const [RED, BLUE] = [1, 2] as const
const [LEAVE, CLEAR, RESTORE] = [1, 2, 3] as const

interface Frame {
  readonly left: number
  readonly top: number
  readonly side: number
  /** An index of the palette: 0 black, 1 red, 2 blue, others grey. */
  readonly colour: number
  readonly disposal: number
  readonly transparent?: number
}

/** Builds a GIF with as many colours as its bits allow, with uncompressed frames. */
function gif(frames: readonly Frame[], bits: 2 | 8, control = true): Buffer {
  const palette = Buffer.alloc(3 * 2 ** bits, 0x80)
  palette.set([0, 0, 0, 255, 0, 0, 0, 0, 255])
  const head = Buffer.from([...Buffer.from('GIF89a'), SIDE, 0, SIDE, 0, 0x80 | (bits - 1), 0, 0])
  const blocks = frames.map(({ left, top, side, colour, disposal, transparent }) =>
    Buffer.concat([
      control
        ? Buffer.from([
            ...[0x21, 0xf9, 4, (disposal << 2) | (transparent === undefined ? 0 : 1), 10, 0],
            ...[transparent ?? 0, 0],
          ])
        : Buffer.alloc(0),
      Buffer.from([0x2c, left, 0, top, 0, side, 0, side, 0, 0, bits]),
      coded(new Uint8Array(side * side).fill(colour), bits),
    ]),
  )
  return Buffer.concat([head, palette, ...blocks, Buffer.from([0x3b])])
}

/** Codes each pixel as itself, with enough clear codes that no code grows. */
function coded(pixels: Uint8Array, bits: number): Buffer {
  const clear = 2 ** bits
  const codes: number[] = []
  for (const [index, pixel] of pixels.entries()) {
    if (index % (clear - 2) === 0) codes.push(clear)
    codes.push(pixel)
  }
  codes.push(clear + 1)
  const bytes: number[] = []
  let [held, buffer] = [0, 0]
  for (const code of codes) {
    buffer |= code << held
    for (held += bits + 1; held >= 8; held -= 8) {
      bytes.push(buffer & 255)
      buffer >>= 8
    }
  }
  bytes.push(buffer & 255)
  const blocks = []
  for (let at = 0; at < bytes.length; at += 255) {
    const block = bytes.slice(at, at + 255)
    blocks.push(block.length, ...block)
  }
  return Buffer.from([...blocks, 0])
}

const whole = { left: 0, top: 0, side: SIDE, colour: RED, disposal: LEAVE }
const corner = { ...whole, left: 8, top: 8, side: 8 }
const NOTHING = [0, 0, 0, 0]
const RED_PIXEL = [255, 0, 0, 255]
const BLUE_PIXEL = [0, 0, 255, 255]

/** The colours at the top left and at the bottom right of each frame. */
const GIFS: Readonly<Record<string, readonly [readonly Frame[], readonly (readonly number[])[]]>> = {
  'a first frame in a corner': [[corner], [NOTHING, RED_PIXEL]],
  'a first frame in a corner, and one over it': [
    [corner, { ...corner, colour: BLUE }],
    [NOTHING, RED_PIXEL, NOTHING, BLUE_PIXEL],
  ],
  'a frame that is cleared': [
    [
      { ...whole, disposal: CLEAR },
      { ...corner, colour: BLUE },
    ],
    [RED_PIXEL, RED_PIXEL, NOTHING, BLUE_PIXEL],
  ],
  'a first frame that is taken back': [
    [
      { ...whole, disposal: RESTORE },
      { ...corner, colour: BLUE },
    ],
    [RED_PIXEL, RED_PIXEL, NOTHING, BLUE_PIXEL],
  ],
  'a cleared frame behind one with a transparent index': [
    [{ ...corner, transparent: 3 }, { ...whole, colour: BLUE, disposal: CLEAR }, corner],
    [NOTHING, RED_PIXEL, BLUE_PIXEL, BLUE_PIXEL, NOTHING, RED_PIXEL],
  ],
  'frames that cover all': [
    [whole, { ...corner, colour: BLUE }],
    [RED_PIXEL, RED_PIXEL, RED_PIXEL, BLUE_PIXEL],
  ],
}

/** Builds a GIF whose only frame covers the left half of the canvas, with 256 colours from black to red. */
function gifOfAllColours(): Buffer {
  const colours = Uint8Array.from({ length: 256 }, (_, index) => index)
  const palette = Buffer.from([...colours].flatMap((level) => [level, 0, 0]))
  const head = Buffer.from([...Buffer.from('GIF89a'), 2 * SIDE, 0, SIDE, 0, 0xf7, 0, 0])
  const descriptor = Buffer.from([0x2c, 0, 0, 0, 0, SIDE, 0, SIDE, 0, 0, 8])
  return Buffer.concat([head, palette, descriptor, coded(colours, 8), Buffer.from([0x3b])])
}

describe('GIF without a transparent index', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({ MEDIA_PROXY_SECRET_KEY: SECRET })
    for (const [name, [frames]] of Object.entries(GIFS)) {
      for (const bits of [2, 8] as const) {
        await service.put(`attachments/1/${keyOf(name)}${bits}.gif`, gif(frames, bits))
        await service.put(`emojis/${keyOf(name)}${bits}`, gif(frames, bits))
        await service.put(`${keyOf(name)}${bits}`, gif(frames, bits), undefined, 'uploads')
      }
    }
    await service.put('attachments/1/bare.gif', gif([corner], 2, false))
    await service.put('attachments/1/all.gif', gifOfAllColours())
  })
  afterAll(() => service.close())

  const cases = Object.entries(GIFS).flatMap(([name, [, pixels]]) =>
    ([2, 8] as const).flatMap((bits) =>
      ['png', 'gif', 'webp'].map((format) => ({ name, bits, format, pixels })),
    ),
  )

  it.each(cases)('$name is transparent where nothing is painted: $bits bits in $format', async (example) => {
    const { name, bits, format, pixels } = example
    const path = `/attachments/1/${keyOf(name)}${bits}.gif?format=${format}&quality=lossless&width=8`
    expect(await cornersOf((await send(service.url, path)).body)).toEqual(pixels.slice(0, 2))
    const moving = await send(service.url, `${path}&animated=true`)
    if (format !== 'png') expect(await cornersOf(moving.body)).toEqual(pixels)
    else if (pixels.length > 2) expect([...pngChunks(moving.body)].map(({ id }) => id)).toContain('acTL')
    if (format === 'gif') return
    const emoji = await send(service.url, `/emojis/${keyOf(name)}${bits}.${format}?size=64`)
    expect((await cornersOf(emoji.body)).slice(0, 2)).toEqual(pixels.slice(0, 2))
  })

  it('needs no control extension to be transparent', async () => {
    const { body } = await send(service.url, '/attachments/1/bare.gif?format=png')
    expect(await cornersOf(body)).toEqual([NOTHING, RED_PIXEL])
  })

  it('is transparent where nothing is painted also if its first frame uses all colours', async () => {
    const { body } = await send(service.url, '/attachments/1/all.gif?format=png&quality=lossless')
    const { data, info } = await sharp(body).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([2 * SIDE, SIDE])
    for (let pixel = 0; pixel < info.width * info.height; pixel += 1) {
      const [x, y] = [pixel % info.width, Math.floor(pixel / info.width)]
      const [red = 0, green, blue, alpha] = data.subarray(pixel * 4, pixel * 4 + 4)
      expect(alpha).toBe(x < SIDE ? 255 : 0)
      if (x >= SIDE) continue
      expect([green, blue]).toEqual([0, 0])
      expect(Math.abs(red - (y * SIDE + x))).toBeLessThanOrEqual(1)
    }
    const untouched = await send(service.url, '/attachments/1/all.gif?format=gif')
    expect(untouched.body.equals(gifOfAllColours())).toBe(true)
  })

  it('is passed through unchanged when no change is requested', async () => {
    const { body } = await send(
      service.url,
      `/attachments/1/${keyOf('a frame that is cleared')}2.gif?format=gif&animated=true`,
    )
    expect([...gifFrames(body).frames].map(({ isTransparent }) => isTransparent)).toEqual([false, false])
  })
})

describe('a GIF of 2,000 frames', () => {
  let service: Service
  const frames = Array.from({ length: 2000 }, (_, index) => ({
    left: index % 8,
    top: 0,
    side: 8,
    disposal: LEAVE,
    colour: index === 1999 ? BLUE : RED,
  }))
  beforeAll(async () => {
    service = await openFilesystemOrigin({
      MEDIA_PROXY_SECRET_KEY: SECRET,
      MEDIA_PROXY_LIMITS_FRAMES: '1000',
    })
    const bytes = gif([whole, ...frames.slice(1)], 2)
    await service.put('attachments/1/many.gif', bytes)
    await service.put('avatars/1/a_many', bytes)
    await service.put('avatars/1/many', bytes)
    await service.put('many', bytes, undefined, 'uploads')
  })
  afterAll(() => service.close())

  it.each([
    '/attachments/1/many.gif?format=webp',
    '/attachments/1/many.gif?format=jpeg&animated=true',
    '/avatars/1/many.png?size=16',
  ])('%s needs only the first frame', async (path) => {
    const { status, body } = await send(service.url, path)
    expect([status, (await sharp(body).metadata()).width]).toEqual([200, SIDE])
  })

  it.each(['/attachments/1/many.gif?format=webp&animated=true', '/avatars/1/a_many.webp'])(
    '%s is rejected because of its frames',
    async (path) => {
      const { status, body } = await send(service.url, path)
      expect([status, body.toString()]).toEqual([400, 'Image dimensions too large: too many frames'])
    },
  )

  it('has metadata and three frames', async () => {
    const post = (route: string) =>
      send(service.url, route, {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'upload', upload_filename: 'many' }),
      })
    const metadata = await post('/_metadata')
    expect([metadata.status, JSON.parse(metadata.body.toString())]).toMatchObject([
      200,
      { animated: true, width: SIDE, duration: 200 },
    ])
    expect(JSON.parse((await post('/_frames')).body.toString()).frames).toHaveLength(3)
  })
})

describe('an animation whose frames together decode to more than the limit of one frame', () => {
  let service: Service
  beforeAll(async () => {
    // A frame decodes to 19,200 bytes.
    service = await openFilesystemOrigin({ MEDIA_PROXY_LIMITS_DECODED_BYTES: '20000' })
    await service.put('attachments/1/large.gif', await animatedGif(80, 60))
    await service.put('attachments/1/too-large.gif', await animatedGif(90, 60))
  })
  afterAll(() => service.close())

  it.each(['webp', 'gif', 'png'])('keeps its frames in %s', async (format) => {
    const { status, body } = await send(
      service.url,
      `/attachments/1/large.gif?format=${format}&animated=true&width=40`,
    )
    const frames =
      format === 'png'
        ? [...pngChunks(body)].filter(({ id }) => id === 'fcTL').length
        : (await sharp(body).metadata()).pages
    expect([status, frames]).toEqual([200, 3])
  })

  it('is rejected when one frame exceeds the limit', async () => {
    const { status, body } = await send(
      service.url,
      '/attachments/1/too-large.gif?format=webp&animated=true&width=40',
    )
    expect([status, body.toString()]).toEqual([400, 'Image dimensions too large'])
  })
})

async function cornersOf(bytes: Buffer): Promise<readonly (readonly number[])[]> {
  const { data, info } = await sharp(bytes, { pages: -1 })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const frameBytes = info.width * info.width * 4
  // Scaled-down frames bleed a little into each other.
  const clean = (value: number) => (value > 235 ? 255 : value < 20 ? 0 : value)
  const pixel = (at: number) =>
    clean(data[at + 3] ?? 0) === 0 ? NOTHING : [...data.subarray(at, at + 4)].map(clean)
  return Array.from({ length: data.length / frameBytes }, (_, index) => index * frameBytes).flatMap(
    (start) => [pixel(start), pixel(start + frameBytes - 4)],
  )
}

function keyOf(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, '_')
}
