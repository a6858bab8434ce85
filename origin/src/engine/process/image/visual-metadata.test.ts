/** Tests the metadata that describes how an image looks: BlurHash, palette, perceptual hash. */

import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { decode, isBlurhashValid } from 'blurhash'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import type { RawImage } from '../pixels/raw-image.ts'
import { blurHashOf } from './blur-hash.ts'
import { paletteOf } from './palette.ts'
import { perceptualHashOf } from './perceptual-hash.ts'

async function rawOf(pipeline: Sharp): Promise<RawImage> {
  const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true })
  if (info.channels !== 3 && info.channels !== 4) throw new Error('neither RGB nor RGBA')
  return { data, width: info.width, height: info.height, channels: info.channels }
}

async function successOf<T>(looked: Promise<T | Failure>): Promise<T> {
  const value = await looked
  if (isFailure(value)) throw new Error(value.detail)
  return value
}

/** A drawing with detail at every scale. */
const drawing = (body: string) =>
  sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240">${body}</svg>`),
  ).flatten({ background: '#fff' })
const HILLS =
  '<rect width="320" height="240" fill="#88b"/><circle cx="240" cy="60" r="40" fill="#fd6"/>' +
  '<path d="M0 240 L90 90 L160 200 L230 120 L320 240Z" fill="#253"/><rect x="20" y="180" width="60" height="30" fill="#c33"/>'
const BARS =
  '<rect width="320" height="240" fill="#eee"/><rect x="30" width="40" height="240" fill="#222"/>' +
  '<rect x="150" width="20" height="240" fill="#a22"/><circle cx="250" cy="180" r="50" fill="#26a"/>'

function distance(a: string, b: string): number {
  let differing = BigInt(`0x${a}`) ^ BigInt(`0x${b}`)
  let bits = 0
  for (; differing > 0n; differing >>= 1n) bits += Number(differing & 1n)
  return bits
}

describe('the perceptual hash', () => {
  const hashOf = async (pipeline: Sharp) => successOf(perceptualHashOf(await rawOf(pipeline)))

  it.each([
    ['smaller', (image: Sharp) => image.resize(100)],
    ['stretched', (image: Sharp) => image.resize(200, 240, { fit: 'fill' })],
    ['brighter', (image: Sharp) => image.linear(0.8, 30)],
    ['grey', (image: Sharp) => image.modulate({ saturation: 0 })],
    ['blurred', (image: Sharp) => image.blur(2)],
  ])('of the same image %s differs in few bits', async (_, change) => {
    const [hash, changed] = await Promise.all([hashOf(drawing(HILLS)), hashOf(change(drawing(HILLS)))])
    expect(hash).toMatch(/^[0-9a-f]{16}$/)
    expect(distance(hash, changed)).toBeLessThanOrEqual(6)
  })

  it.each(['red', '#000', '#888', '#fefefe', '#fff'])(
    'of only %s is that of any plain image',
    async (background) => {
      for (const [width, height] of [
        [320, 240],
        [10, 7],
      ] as const) {
        const plain = sharp({ create: { width, height, channels: 3, background } })
        expect(await hashOf(plain)).toBe(background === '#000' ? '0000000000000000' : '8000000000000000')
      }
    },
  )

  it('of two halves has the bits that distinguish left from right', async () => {
    const halves = drawing('<rect width="160" height="240" fill="red"/>')
    expect(await hashOf(halves)).toBe('9100000000000000')
    expect(await hashOf(halves.clone().resize(160))).toBe('9100000000000000')
  })

  it.each([
    ['a square', '<rect x="80" y="60" width="160" height="120"/>'],
    ['a disc', '<circle cx="160" cy="120" r="90" fill="red"/>'],
    ['a cross', '<path d="M0 120H320M160 0V240" stroke="blue" stroke-width="50"/>'],
  ])('of %s, which is symmetric, differs in few bits when scaled down or in JPEG', async (_, body) => {
    const hash = await hashOf(drawing(body))
    const jpeg = await drawing(body).jpeg({ quality: 60 }).toBuffer()
    for (const other of [drawing(body).resize(160), sharp(jpeg)])
      expect(distance(hash, await hashOf(other))).toBeLessThanOrEqual(6)
  })

  it('of another image differs in many bits', async () => {
    const [hash, other, turned] = await Promise.all([
      hashOf(drawing(HILLS)),
      hashOf(drawing(BARS)),
      hashOf(drawing(HILLS).rotate(180)),
    ])
    expect(distance(hash, other)).toBeGreaterThanOrEqual(16)
    expect(distance(hash, turned)).toBeGreaterThanOrEqual(16)
  })

  it('equals a cosine transform that is computed by its definition', async () => {
    const image = await rawOf(drawing(HILLS).resize(32, 32, { fit: 'fill' }))
    const grey = (x: number, y: number) => {
      const at = (y * 32 + x) * 3
      const [red = 0, green = 0, blue = 0] = image.data.subarray(at, at + 3)
      return 0.299 * red + 0.587 * green + 0.114 * blue
    }
    const frequencies = Array.from({ length: 64 }, (_, at) => {
      const [u, v] = [at % 8, Math.floor(at / 8)]
      let sum = 0
      for (let y = 0; y < 32; y += 1)
        for (let x = 0; x < 32; x += 1)
          sum +=
            grey(x, y) *
            Math.cos((Math.PI * u * (2 * x + 1)) / 64) *
            Math.cos((Math.PI * v * (2 * y + 1)) / 64)
      return sum
    })
    const sorted = [...frequencies].sort((a, b) => a - b)
    const median = ((sorted[31] ?? 0) + (sorted[32] ?? 0)) / 2
    const bits = frequencies.map((frequency) => (frequency > median ? 1 : 0)).join('')
    const nibbles = bits.match(/.{4}/g) ?? []
    expect(await successOf(perceptualHashOf(image))).toBe(
      nibbles.map((nibble) => Number.parseInt(nibble, 2).toString(16)).join(''),
    )
  })
})

describe('the palette', () => {
  const colours = async (image: Promise<RawImage>) => successOf(paletteOf(await image))

  it('lists the colours of an image, the most frequent first', async () => {
    const shares = [
      ['#c83232', 0],
      ['#32c832', 100],
      ['#3232c8', 160],
      ['#f0f0f0', 190],
      ['#101010', 200],
    ] as const
    const bands = shares.map(([fill, x]) => `<rect x="${x}" width="320" height="240" fill="${fill}"/>`)
    const order = ['#101010', '#c83232', '#32c832', '#3232c8', '#f0f0f0']
    // Scaling mixes neighbouring colours, which the palette may count as either.
    const near = (a: string, b: string) =>
      [1, 3, 5].every(
        (at) =>
          Math.abs(Number.parseInt(a.slice(at, at + 2), 16) - Number.parseInt(b.slice(at, at + 2), 16)) < 24,
      )
    const found = (await colours(rawOf(drawing(bands.join(''))))) ?? []
    expect(found.map((colour, index) => near(colour, order[index] ?? ''))).toEqual(Array(5).fill(true))
  })

  it('of one colour is that colour', async () => {
    const plain = sharp({ create: { width: 40, height: 30, channels: 3, background: '#336699' } })
    expect(await colours(rawOf(plain))).toEqual(['#336699'])
  })

  it('ignores transparent pixels, and is undefined when there are no others', async () => {
    const clear = { r: 255, g: 0, b: 0, alpha: 0 }
    const glass = () => sharp({ create: { width: 40, height: 30, channels: 4, background: clear } })
    expect(await colours(rawOf(glass()))).toBeUndefined()
    const dot = { create: { width: 20, height: 20, channels: 4, background: '#336699' } } as const
    expect(await colours(rawOf(glass().composite([{ input: dot, left: 5, top: 5 }])))).toEqual(['#336699'])
  })
})

describe('the BlurHash', () => {
  it('has four by three components, and the colours of the image', async () => {
    const hash = await successOf(
      blurHashOf(
        await rawOf(
          drawing(
            '<rect width="160" height="240" fill="#c83232"/><rect x="160" width="160" height="240" fill="#3232c8"/>',
          ),
        ),
      ),
    )
    expect([isBlurhashValid(hash).result, hash.length]).toEqual([true, 4 + 2 * 4 * 3])
    const shown = decode(hash, 16, 12)
    const [left, right] = [shown.subarray(4 * (6 * 16 + 2)), shown.subarray(4 * (6 * 16 + 13))]
    expect((left[0] ?? 0) - (left[2] ?? 0)).toBeGreaterThan(80)
    expect((right[2] ?? 0) - (right[0] ?? 0)).toBeGreaterThan(80)
  })

  it.each([
    [1, 1],
    [4000, 1],
    [1, 4000],
  ])('of %ix%i is valid', async (width, height) => {
    const plain = sharp({ create: { width, height, channels: 4, background: '#336699' } })
    expect(isBlurhashValid(await successOf(blurHashOf(await rawOf(plain)))).result).toBe(true)
  })
})
