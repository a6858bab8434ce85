/** Tests the image operations other than scaling against arithmetic on the pixels. */

import { type ImageOperations, readOperations } from '@media-proxy/shared/request/image-operations.ts'
import type { Gravity } from '@media-proxy/shared/request/media-request.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { Geometry } from '../../render-options.ts'
import type { RawImage } from '../pixels/raw-image.ts'
import { cutPixels } from './cut-pixels.ts'
import { fitBytes } from './fit-bytes.ts'
import { layoutOf, sizeOf } from './layout.ts'
import type { Render } from './render.ts'
import { renderRaw } from './render-image.ts'

type RGB = readonly [number, number, number]

const RED: RGB = [220, 0, 0]
const GREEN: RGB = [0, 180, 0]
const BLUE: RGB = [0, 0, 220]
const GREY: RGB = [90, 90, 90]
const WHITE: RGB = [255, 255, 255]

/** Creates rows of blocks, each of one colour. */
function mosaic(rows: readonly (readonly RGB[])[], block: number): RawImage {
  const height = rows.length * block
  const width = (rows[0]?.length ?? 0) * block
  const data = new Uint8Array(width * height * 3)
  for (let at = 0; at < width * height; at += 1) {
    const [x, y] = [at % width, Math.floor(at / width)]
    data.set(rows[Math.floor(y / block)]?.[Math.floor(x / block)] ?? GREY, at * 3)
  }
  return { data, width, height, channels: 3 }
}

/** Parses operations from a query, as the URL parser does. */
const operationsOf = (query: string): ImageOperations =>
  readOperations((name, parse) => {
    const value = new URLSearchParams(query).get(name)
    return value === null ? undefined : parse(value)
  })

interface Wanted {
  readonly width?: number
  readonly height?: number
  readonly fit?: 'cover' | 'contain' | 'inside'
  readonly gravity?: Gravity
}

async function render(image: RawImage, query: string, wanted: Wanted = {}, format: Render['format'] = 'png') {
  const { crop, trim, ...operations } = operationsOf(query)
  const part = await cutPixels(image, { ...(crop && { crop }), ...(trim && { trim }) })
  if (isFailure(part)) throw new Error(part.detail)
  const geometry: Geometry = { kind: 'transformation', fit: 'cover', gravity: 'centre', ...wanted }
  const layout = layoutOf({ geometry, ...operations }, part)
  if (isFailure(layout)) throw new Error(layout.detail)
  const rendered = await renderRaw(part, { ...operations, ...layout, format, quality: 80, animated: false })
  if (isFailure(rendered)) throw new Error(rendered.detail)
  const { data, info } = await sharp(rendered).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  expect({ width, height }).toEqual(sizeOf(layout))
  const at = (x: number, y: number) => [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4)]
  return { width, height, at }
}

/** Returns the colours at the centres of the blocks. */
const blocksOf = ({ width, height, at }: Awaited<ReturnType<typeof render>>, block: number) =>
  Array.from({ length: height / block }, (_, row) =>
    Array.from({ length: width / block }, (_, column) =>
      at(column * block + block / 2, row * block + block / 2).slice(0, 3),
    ),
  )

type Rows = readonly (readonly RGB[])[]

const clockwise = (rows: Rows): Rows =>
  (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? GREY).reverse())
const mirrored = (rows: Rows): Rows => rows.map((row) => row.toReversed())

/** Rotated clockwise, then mirrored, as the contract defines it. */
function turned(rows: Rows, rotate: number, flip: string): Rows {
  let result = rows
  for (let angle = 0; angle < rotate; angle += 90) result = clockwise(result)
  if (flip === 'h') return mirrored(result)
  return flip === 'v' ? result.toReversed() : result
}

const ROTATIONS = [0, 90, 180, 270].flatMap((rotate) => ['', 'h', 'v'].map((flip) => ({ rotate, flip })))
const queryOf = ({ rotate, flip }: { rotate: number; flip: string }) =>
  `${rotate === 0 ? '' : `rotate=${rotate}&`}${flip === '' ? '' : `flip=${flip}`}`

describe('a rotation', () => {
  const rows: Rows = [
    [RED, GREEN, BLUE],
    [GREY, WHITE, RED],
  ]

  it.each(ROTATIONS)('by $rotate and flip "$flip" moves every block to its place', async (rotation) => {
    const shown = await render(mosaic(rows, 8), queryOf(rotation))
    expect(blocksOf(shown, 8)).toEqual(turned(rows, rotation.rotate, rotation.flip))
  })

  it.each(ROTATIONS)('by $rotate and flip "$flip" comes before the requested size', async (rotation) => {
    const shown = await render(mosaic(rows, 16), queryOf(rotation), {
      width: rotation.rotate % 180 === 0 ? 24 : 16,
    })
    expect(blocksOf(shown, 8)).toEqual(turned(rows, rotation.rotate, rotation.flip))
  })

  it.each(
    ROTATIONS.flatMap((rotation) =>
      (['north', 'east', 'south', 'west'] as const).map((gravity) => ({ ...rotation, gravity })),
    ),
  )('by $rotate and flip "$flip" does not change gravity $gravity', async ({ gravity, ...rotation }) => {
    const whole = turned(rows, rotation.rotate, rotation.flip)
    const [across, down] = [whole[0]?.length ?? 0, whole.length]
    // One block is cut off, at the side opposite to the gravity.
    const isVertical = gravity === 'north' || gravity === 'south'
    const kept = isVertical
      ? whole.slice(gravity === 'south' ? 1 : 0, gravity === 'south' ? undefined : -1)
      : whole.map((row) => row.slice(gravity === 'east' ? 1 : 0, gravity === 'east' ? undefined : -1))
    const size = { width: 8 * (isVertical ? across : across - 1), height: 8 * (isVertical ? down - 1 : down) }
    const shown = await render(mosaic(rows, 8), queryOf(rotation), { ...size, gravity })
    expect(blocksOf(shown, 8)).toEqual(kept)
  })
})

describe('a crop', () => {
  const rows: Rows = [
    [RED, GREEN, BLUE, GREY],
    [WHITE, RED, GREEN, BLUE],
  ]
  const image = mosaic(rows, 10)

  it.each([
    ['10,0,20,10', [[GREEN, BLUE]]],
    ['0.25,0,0.5,0.5', [[GREEN, BLUE]]],
    ['30,10,400,400', [[BLUE]]],
    ['0.5,0.5,1,1', [[GREEN, BLUE]]],
    ['0,0,40,20', rows],
  ])('of %s returns that part', async (crop, kept) => {
    expect(blocksOf(await render(image, `crop=${crop}`), 10)).toEqual(kept)
  })

  it('of less than a pixel is one pixel', async () => {
    const { width, height } = await render(image, 'crop=0.9999,0.0,0.0001,0.0001')
    expect([width, height]).toEqual([1, 1])
  })

  it('outside the image is rejected', async () => {
    const failure = await cutPixels(image, operationsOf('crop=40,0,10,10'))
    expect(isFailure(failure) && failure.code).toBe('bad-request')
  })

  it('comes before rotating and scaling', async () => {
    const shown = await render(image, 'crop=0,0,20,10&rotate=90', { width: 10 })
    expect([shown.width, shown.height]).toEqual([10, 20])
    expect([shown.at(5, 5).slice(0, 3), shown.at(5, 15).slice(0, 3)]).toEqual([RED, GREEN])
  })
})

describe('a trim', () => {
  it('removes the border, and nothing else', async () => {
    const rows: Rows = [
      [WHITE, WHITE, WHITE, WHITE],
      [WHITE, RED, BLUE, WHITE],
      [WHITE, WHITE, WHITE, WHITE],
    ]
    expect(blocksOf(await render(mosaic(rows, 10), 'trim=true'), 10)).toEqual([[RED, BLUE]])
  })

  it('treats noise as border, and all transparent pixels as one colour', async () => {
    const width = 30
    const data = new Uint8Array(width * width * 4)
    for (let at = 0; at < width * width; at += 1) {
      const [x, y] = [at % width, Math.floor(at / width)]
      const inside = x >= 7 && x < 20 && y >= 3 && y < 28
      // The colours outside are invisible.
      data.set(inside ? [...RED, 255] : [at % 256, (at * 7) % 256, 0, at % 11], at * 4)
    }
    const shown = await render({ data, width, height: width, channels: 4 }, 'trim=true')
    expect([shown.width, shown.height, shown.at(0, 0), shown.at(12, 24)]).toEqual([
      13,
      25,
      [...RED, 255],
      [...RED, 255],
    ])
  })

  it('keeps a single pixel at each side', async () => {
    const image = mosaic([[WHITE]], 20)
    const data = Uint8Array.from(image.data)
    for (const [x, y] of [
      [3, 10],
      [16, 10],
      [10, 2],
      [10, 18],
    ] as const)
      data.set([0, 0, 0], (y * 20 + x) * 3)
    const { width, height } = await render({ ...image, data }, 'trim=true')
    expect([width, height]).toEqual([14, 17])
  })

  it('applies to the cropped part', async () => {
    const rows: Rows = [
      [RED, WHITE, WHITE],
      [RED, WHITE, BLUE],
    ]
    expect(blocksOf(await render(mosaic(rows, 10), 'crop=10,0,20,20&trim=true'), 10)).toEqual([[BLUE]])
  })

  it.each([
    [[[WHITE]], 1],
    [[[WHITE, WHITE]], 2],
    [[[WHITE, WHITE]], 20],
  ])('leaves an image of one colour unchanged: %#', async (rows, block) => {
    const image = mosaic(rows, block)
    const { width, height } = await render(image, 'trim=true')
    expect([width, height]).toEqual([image.width, image.height])
  })
})

describe('a border', () => {
  const image = mosaic([[RED]], 10)

  it('is transparent, of the background, or white in JPEG', async () => {
    const shown = await render(image, 'pad=1,2,3,4')
    expect([shown.width, shown.height]).toEqual([16, 14])
    expect([
      shown.at(0, 0)[3],
      shown.at(3, 5)[3],
      shown.at(4, 1),
      shown.at(13, 10),
      shown.at(14, 10)[3],
    ]).toEqual([0, 0, [...RED, 255], [...RED, 255], 0])
    expect((await render(image, 'pad=2&background=0000DC')).at(0, 0)).toEqual([...BLUE, 255])
    expect((await render(mosaic([[RED]], 16), 'pad=16', {}, 'jpeg')).at(0, 0)).toEqual([...WHITE, 255])
  })

  it('comes after rotating', async () => {
    const shown = await render(mosaic([[RED, BLUE]], 10), 'rotate=90&pad=5,0,0,0')
    expect([shown.width, shown.height, shown.at(5, 2)[3], shown.at(5, 10).slice(0, 3)]).toEqual([
      10,
      25,
      0,
      RED,
    ])
  })
})

describe('a background', () => {
  it('is visible under transparent pixels, and fills the area that `contain` adds', async () => {
    const glass = await sharp({
      create: { width: 20, height: 10, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0.5 } },
    })
      .raw()
      .toBuffer()
    const image = { data: glass, width: 20, height: 10, channels: 4 } as const
    const shown = await render(image, 'background=c80000', { width: 20, height: 10 })
    const [red = 0, green, blue, alpha] = shown.at(10, 5)
    expect([Math.abs(red - 100) <= 1, green, blue, alpha]).toEqual([true, 0, 0, 255])
    const padded = await render(image, 'background=c80000', { width: 10, height: 10, fit: 'contain' })
    expect(padded.at(5, 0)).toEqual([200, 0, 0, 255])
  })
})

describe('a limit of bytes', () => {
  /** An encoder whose output size depends only on the quality. */
  const encoder = (bytesOf: (quality: number) => number) => {
    const qualities: (number | 'lossless')[] = []
    return {
      qualities,
      encodeAt: (quality: number | 'lossless') => {
        qualities.push(quality)
        const bytes = Math.round(quality === 'lossless' ? bytesOf(100) * 4 : bytesOf(quality))
        return Promise.resolve(new Uint8Array(bytes).fill(quality === 'lossless' ? 101 : quality))
      },
    }
  }
  /** The bytes of a photograph at qualities 1, 20, 40 and 80, interpolated linearly. */
  const along = (bytes: readonly [number, number, number, number]) => (quality: number) => {
    const at = [1, 20, 40, 80]
    const next = Math.max(
      1,
      at.findIndex((known) => known >= quality),
    )
    const [from = 0, to = 0, low = 0, high = 0] = [at[next - 1], at[next], bytes[next - 1], bytes[next]]
    return low + ((quality - from) / (to - from)) * (high - low)
  }
  const CURVES = {
    line: (quality: number) => 100 * quality,
    jpeg: along([1842, 7543, 12_139, 24_028]),
    webp: along([2572, 5670, 8622, 17_810]),
  }

  it.each(Object.keys(CURVES) as (keyof typeof CURVES)[])(
    'is met in at most four encodes when possible, with a quality near the highest: %s',
    async (curve) => {
      for (let maxBytes = 300; maxBytes < 30_000; maxBytes += 97) {
        const { encodeAt, qualities } = encoder(CURVES[curve])
        const encoded = await fitBytes(encodeAt, 80, maxBytes)
        expect(qualities.length).toBeLessThanOrEqual(4)
        const largest = Array.from({ length: 80 }, (_, index) => 80 - index).find(
          (quality) => Math.round(CURVES[curve](quality)) <= maxBytes,
        )
        if (largest === undefined) expect(encoded[0]).toBe(Math.min(...qualities.map(Number)))
        else {
          expect(encoded.length).toBeLessThanOrEqual(maxBytes)
          expect(encoded[0]).toBeGreaterThanOrEqual(Math.floor(largest / 2))
        }
      }
    },
  )

  it('does not encode again what fits', async () => {
    const { encodeAt, qualities } = encoder(CURVES.line)
    await fitBytes(encodeAt, 'lossless', 40_000)
    expect(qualities).toEqual(['lossless'])
  })

  it('is met by giving up lossless encoding first', async () => {
    const { encodeAt, qualities } = encoder(CURVES.line)
    await fitBytes(encodeAt, 'lossless', 9400)
    expect(qualities.length).toBeGreaterThan(1)
    expect(Math.max(...qualities.slice(1).map(Number))).toBeLessThan(96)
  })
})
