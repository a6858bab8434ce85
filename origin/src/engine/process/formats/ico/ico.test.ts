import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { iconBitmap, iconOf, type TestBitmap, type TestEntry } from '../../../../media/icons.test-data.ts'
import { decodeBmp } from '../bmp/bmp.ts'
import { icoSize, shownIcon } from './ico.ts'

/** Builds an entry whose image has a width of its own, which identifies it. */
const entry = (id: number, width: number, height: number, more: Partial<TestEntry> = {}): TestEntry => ({
  width,
  height,
  image: iconBitmap({
    width: id,
    height: 1,
    bits: 24,
    pixels: new Array(Math.ceil((id * 3) / 4) * 4).fill(0),
  }),
  ...more,
})

describe('the shown entry of an icon', () => {
  it.each<[string, readonly TestEntry[], 'icon' | 'cursor', number]>([
    [
      'the largest one, whatever the order',
      [entry(1, 16, 16), entry(2, 32, 32), entry(3, 24, 24)],
      'icon',
      2,
    ],
    ['one of 256 pixels, which are stored as 0', [entry(1, 255, 255), entry(2, 256, 256)], 'icon', 2],
    ['the one with the largest area', [entry(1, 8, 32), entry(2, 17, 16)], 'icon', 2],
    [
      'of one size, the one with the most bits',
      [entry(1, 16, 16, { bits: 8 }), entry(2, 16, 16, { bits: 32 }), entry(3, 16, 16, { bits: 24 })],
      'icon',
      2,
    ],
    [
      'without bits, the one with the most colours',
      [entry(1, 16, 16, { bits: 0, colours: 16 }), entry(2, 16, 16, { bits: 0 })],
      'icon',
      2,
    ],
    ['the first of equal ones', [entry(1, 16, 16), entry(2, 16, 16)], 'icon', 1],
    [
      'of a cursor, the first one, whatever the hot spot is',
      [entry(1, 16, 16, { bits: 1 }), entry(2, 16, 16, { bits: 40 })],
      'cursor',
      1,
    ],
    [
      'the largest one, although a smaller one is missing',
      [entry(1, 16, 16, { offset: 99_999_999 }), entry(2, 32, 32)],
      'icon',
      2,
    ],
  ])('is %s', (_, entries, type, id) => {
    expect(icoSize(iconOf(entries, type))).toEqual({ width: id, height: 1 })
  })

  it.each<[string, Uint8Array]>([
    ['the largest one is missing', iconOf([entry(1, 32, 32, { offset: 99_999_999 }), entry(2, 16, 16)])],
    ['the largest one is damaged', iconOf([entry(1, 32, 32, { image: Buffer.alloc(99) }), entry(2, 16, 16)])],
    ['the directory is truncated', iconOf([entry(1, 16, 16), entry(2, 16, 16)]).subarray(0, 30)],
    ['its header is truncated', iconOf([entry(1, 16, 16)]).subarray(0, 30)],
  ])('does not exist when %s', (_, file) => {
    expect(icoSize(file)).toBeUndefined()
  })
})

/** Decodes a bitmap in an icon and returns its pixels row by row, each as `r,g,b` or `r,g,b,a`. */
function drawn(bitmap: TestBitmap, cutBytes = 0): readonly string[] {
  const file = iconOf([{ width: bitmap.width, height: bitmap.height, image: iconBitmap(bitmap) }])
  const icon = shownIcon(file.subarray(0, file.length - cutBytes))
  if (icon === undefined) throw new Error('no icon')
  const image = decodeBmp(icon.bytes, { inIcon: true })
  if (isFailure(image)) throw new Error(image.detail)
  const { data, width, height, channels } = image
  return Array.from({ length: width * height }, (_, pixel) =>
    data.subarray(pixel * channels, (pixel + 1) * channels).join(),
  )
}

const PALETTE = [0, 0, 255, 0, 255, 0, 0, 0]
/** The second of two pixels. */
const SECOND = [0x40, 0, 0, 0]
const uint32 = (...values: readonly number[]) =>
  values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff))

describe('a bitmap in an icon', () => {
  it.each<[number, readonly number[]]>([
    [1, [0b01000000, 0, 0, 0]],
    [4, [0x01, 0, 0, 0]],
    [8, [0, 1, 0, 0]],
    [16, [0x00, 0x7c, 0x1f, 0x00]],
    [24, [0, 0, 255, 255, 0, 0, 0, 0]],
  ])('of %i bits is transparent where its mask is set', (bits, pixels) => {
    const bitmap = { width: 2, height: 1, bits, pixels, ...(bits > 8 ? {} : { palette: PALETTE }) }
    expect(drawn({ ...bitmap, mask: SECOND })).toEqual(['255,0,0,255', '0,0,0,0'])
    expect(drawn(bitmap)).toEqual(['255,0,0', '0,0,255'])
  })

  it('of 32 bits has its alpha, and its mask only when all of it is 0', () => {
    const bitmap = { width: 2, height: 1, bits: 32, mask: SECOND }
    expect(drawn({ ...bitmap, pixels: [1, 2, 3, 0, 1, 2, 3, 77] })).toEqual(['3,2,1,0', '3,2,1,77'])
    expect(drawn({ ...bitmap, pixels: [1, 2, 3, 0, 1, 2, 3, 0] })).toEqual(['3,2,1,255', '0,0,0,0'])
  })

  it.each<[string, Partial<TestBitmap>, readonly string[]]>([
    ['masks without alpha', { coding: 3, masks: uint32(0xff0000, 0xff00, 0xff) }, ['3,2,1,255', '0,0,0,0']],
    ['a longer header without alpha', { headerBytes: 108 }, ['3,2,1,255', '0,0,0,0']],
    [
      'an alpha mask',
      { headerBytes: 108, masks: uint32(0xff0000, 0xff00, 0xff, 0xff000000) },
      ['3,2,1,9', '3,2,1,77'],
    ],
  ])('of 32 bits follows %s', (_, header, pixels) => {
    const bitmap = { width: 2, height: 1, bits: 32, mask: SECOND, pixels: [1, 2, 3, 9, 1, 2, 3, 77] }
    expect(drawn({ ...bitmap, ...header })).toEqual(pixels)
  })

  it('is stored from the bottom up, and so is its mask', () => {
    const pixels = [...[0, 0, 255, 0], ...[255, 0, 0, 0]]
    const mask = [...[0x80, 0, 0, 0], ...[0, 0, 0, 0]]
    expect(drawn({ width: 1, height: 2, bits: 24, pixels, mask })).toEqual(['0,0,255,255', '0,0,0,0'])
  })

  it('has a palette of as many colours as are declared, at most those of its depth', () => {
    const bitmap = { width: 2, height: 1, palette: PALETTE }
    expect(drawn({ ...bitmap, bits: 8, pixels: [0, 7, 0, 0] })).toEqual(['255,0,0', '0,0,0'])
    expect(drawn({ ...bitmap, bits: 1, declaredColours: 256, pixels: [0x40, 0, 0, 0] })).toEqual([
      '255,0,0',
      '0,0,255',
    ])
  })

  it('is opaque where its mask is cut off, and transparent where its pixels are', () => {
    const pixels = [...[0, 0, 255, 0], ...[255, 0, 0, 0]]
    const bitmap = { width: 1, height: 2, bits: 24, pixels, mask: [0, 0, 0, 0, 0x80, 0, 0, 0] }
    expect(drawn(bitmap)).toEqual(['0,0,0,0', '255,0,0,255'])
    expect(drawn(bitmap, 4)).toEqual(['0,0,255', '255,0,0'])
    expect(drawn(bitmap, 12)).toEqual(['0,0,0,0', '255,0,0,255'])
  })

  it('is decoded or rejected, wherever it ends', () => {
    const whole = iconBitmap({ width: 2, height: 1, bits: 8, palette: PALETTE, pixels: [0, 1, 0, 0] })
    const file = iconOf([{ width: 2, height: 1, image: whole }])
    for (let length = 0; length <= file.length; length += 1) {
      const icon = shownIcon(file.subarray(0, length))
      const image = icon && decodeBmp(icon.bytes, { inIcon: true })
      if (image !== undefined && !isFailure(image)) expect([image.width, image.height]).toEqual([2, 1])
    }
  })

  it.each([
    ['run lengths', { bits: 8, coding: 1 }],
    ['a single row', { bits: 24, height: 0.5 }],
  ])('is rejected with %s', (_, header) => {
    const image = iconBitmap({ width: 2, height: 1, pixels: [2, 1, 0, 1], ...header })
    const icon = shownIcon(iconOf([{ width: 2, height: 1, image }]))
    expect(icon && decodeBmp(icon.bytes, { inIcon: true })).toMatchObject({ code: 'undecodable' })
  })
})
