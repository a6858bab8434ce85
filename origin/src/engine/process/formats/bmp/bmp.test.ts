import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { decodeBmp } from './bmp.ts'
import { bmpSize } from './bmp-header.ts'

interface Made {
  readonly width: number
  /** Negative when the rows are stored from top to bottom. */
  readonly height: number
  readonly bits: number
  readonly coding?: number
  /** The bytes after the fields of the shortest Windows header. */
  readonly more?: readonly number[]
  /** Four bytes per colour: blue, green, red and an unused one. */
  readonly palette?: readonly number[]
  readonly headerBytes?: number
  readonly pixels: readonly number[]
}

function made({
  width,
  height,
  bits,
  coding = 0,
  more = [],
  palette = [],
  pixels,
  ...rest
}: Made): Uint8Array {
  const header = Buffer.alloc(40)
  const headerBytes = rest.headerBytes ?? 40
  header.writeUInt32LE(headerBytes, 0)
  header.writeInt32LE(width, 4)
  header.writeInt32LE(height, 8)
  header.writeUInt16LE(1, 12)
  header.writeUInt16LE(bits, 14)
  header.writeUInt32LE(coding, 16)
  header.writeUInt32LE(palette.length / 4, 32)
  const behind = Buffer.concat([Buffer.from(more), Buffer.from(palette)])
  const start = Buffer.alloc(14)
  start.write('BM')
  const all = Buffer.concat([
    start,
    header.subarray(0, Math.min(40, headerBytes)),
    behind,
    Buffer.from(pixels),
  ])
  all.writeUInt32LE(all.length - pixels.length, 10)
  return all
}

/** Decodes a bitmap and returns its pixels row by row, each as `r,g,b` or `r,g,b,a`. */
function drawn(bytes: Uint8Array): readonly string[] {
  const image = decodeBmp(bytes)
  if (isFailure(image)) throw new Error(image.detail)
  const { data, width, height, channels } = image
  return Array.from({ length: width * height }, (_, pixel) =>
    data.subarray(pixel * channels, (pixel + 1) * channels).join(),
  )
}

const uint32 = (...values: readonly number[]) =>
  values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff))
const [RED, BLUE] = ['255,0,0', '0,0,255']
const PALETTE = [0, 0, 255, 0, 255, 0, 0, 0]

describe('a bitmap', () => {
  it('is stored bottom-up or top-down, in rows padded to four bytes', () => {
    const pixels = [0, 0, 255, 9, 255, 0, 0, 9]
    expect(drawn(made({ width: 1, height: 2, bits: 24, pixels }))).toEqual([BLUE, RED])
    expect(drawn(made({ width: 1, height: -2, bits: 24, pixels }))).toEqual([RED, BLUE])
  })

  it('has alpha from header version 4 on when an alpha mask is declared, whatever the compression', () => {
    const more = [...uint32(0, 0, 0, 0xff000000), ...Array.from({ length: 52 }, () => 0)]
    const pixels = [0, 0, 255, 128, 255, 0, 0, 255]
    const file = { width: 2, height: 1, bits: 32, pixels }
    expect(drawn(made({ ...file, headerBytes: 108, more }))).toEqual([`${RED},128`, `${BLUE},255`])
    expect(drawn(made(file))).toEqual([RED, BLUE])
  })

  it.each([
    [1, [0b01000000, 0, 0, 0]],
    [2, [0b00010000, 0, 0, 0]],
    [4, [0x01, 0, 0, 0]],
    [8, [0, 1, 0, 0]],
  ])('of %i bits per pixel has the colours of its palette', (bits, pixels) => {
    expect(drawn(made({ width: 2, height: 1, bits, palette: PALETTE, pixels }))).toEqual([RED, BLUE])
  })

  it('has black where its palette lacks a colour', () => {
    const pixels = [0, 7, 0, 0]
    expect(drawn(made({ width: 2, height: 1, bits: 8, palette: PALETTE, pixels }))).toEqual([RED, '0,0,0'])
  })

  it.each<[string, Partial<Made>, readonly number[], string]>([
    ['16 bits', { bits: 16 }, [0x00, 0x7c, 0, 0], '255,0,0'],
    [
      '5, 6 and 5 bits by masks',
      { bits: 16, coding: 3, more: uint32(0xf800, 0x7e0, 0x1f) },
      [0x1f, 0x04, 0, 0],
      '0,130,255',
    ],
    [
      '11 bits by masks',
      { bits: 32, coding: 3, more: uint32(0xffe00000, 0x1ffc00, 0x3ff) },
      uint32(0xffe00000),
      '255,0,0',
    ],
    ['32 bits without alpha', { bits: 32 }, [1, 2, 3, 77], '3,2,1'],
    [
      'alpha by a mask',
      { bits: 32, coding: 6, more: uint32(0xff, 0xff00, 0xff0000, 0xff000000) },
      [3, 2, 1, 77],
      '3,2,1,77',
    ],
    [
      'alpha in a longer header',
      { bits: 32, coding: 3, headerBytes: 56, more: uint32(0xff, 0xff00, 0xff0000, 0xff000000) },
      [3, 2, 1, 77],
      '3,2,1,77',
    ],
    [
      'alpha that is always 0, and is ignored',
      { bits: 32, coding: 6, more: uint32(0xff, 0xff00, 0xff0000, 0xff000000) },
      [3, 2, 1, 0],
      '3,2,1',
    ],
  ])('has pixels of %s', (_, header, pixels, colour) => {
    expect(drawn(made({ width: 1, height: 1, bits: 32, ...header, pixels }))).toEqual([colour])
  })

  it('of OS/2 has three bytes per palette entry, and dimensions of 16 bits', () => {
    const header = [...uint32(12), 2, 0, 1, 0, 1, 0, 8, 0]
    const palette = [0, 0, 255, 255, 0, 0]
    const bytes = Buffer.from(
      ['B', 'M']
        .map((letter) => letter.charCodeAt(0))
        .concat(new Array(12).fill(0), header, palette, [0, 1, 0, 0]),
    )
    bytes.writeUInt32LE(bytes.length - 4, 10)
    expect(bmpSize(bytes)).toEqual({ width: 2, height: 1 })
    expect(drawn(bytes)).toEqual([RED, BLUE])
  })

  it.each<[string, number, number, readonly number[]]>([
    ['8 bits', 8, 1, [2, 1, 0, 0, 1, 0, 0, 3, 0, 1, 0, 9, 0, 1]],
    ['4 bits', 4, 2, [2, 0x11, 0, 0, 1, 0x00, 0, 3, 0x01, 0x00, 0, 1]],
  ])('with run lengths of %s has its rows', (_, bits, coding, pixels) => {
    const bytes = made({ width: 4, height: 2, bits, coding, palette: PALETTE, pixels })
    // The end-of-row code leaves out the rest of the first row. The second row is complete.
    expect(drawn(bytes)).toEqual([RED, RED, BLUE, RED, BLUE, BLUE, '0,0,0', '0,0,0'])
  })

  it.each<[string, readonly number[], string]>([
    ['is truncated', [4, 1, 0, 0, 1, 0], '0,0,0,0'],
    ['ends early by its own end code', [4, 1, 0, 0, 1, 0, 0, 1], '0,0,0'],
  ])('of runs that %s lacks pixels as in browsers', (_, pixels, missing) => {
    const bytes = made({ width: 4, height: 2, bits: 8, coding: 1, palette: PALETTE, pixels })
    expect(drawn(bytes)[1]).toBe(missing)
  })

  it('ignores runs beyond its size', () => {
    const pixels = [200, 1, 0, 2, 250, 250, 5, 0]
    expect(drawn(made({ width: 2, height: 1, bits: 8, coding: 1, palette: PALETTE, pixels }))).toEqual([
      BLUE,
      BLUE,
    ])
  })

  it('is transparent where it is cut off', () => {
    const pixels = [0, 0, 255, 255, 0, 0]
    expect(drawn(made({ width: 2, height: 2, bits: 24, pixels }))).toEqual([
      '0,0,0,0',
      '0,0,0,0',
      '255,0,0,255',
      '0,0,255,255',
    ])
  })

  it.each<[string, Partial<Made>]>([
    ['a fax', { coding: 3, headerBytes: 64, bits: 1 }],
    ['a JPEG', { coding: 4, bits: 24 }],
    ['of 5 bits', { bits: 5 }],
    ['without its declared masks', { bits: 32, coding: 3, pixels: [] }],
  ])('is rejected when it is %s', (_, header) => {
    expect(decodeBmp(made({ width: 1, height: 1, bits: 8, pixels: [0, 0, 0], ...header }))).toMatchObject({
      code: 'undecodable',
    })
  })

  it('is decoded up to its end, or rejected, wherever it ends', () => {
    const bytes = made({
      width: 4,
      height: 2,
      bits: 4,
      coding: 2,
      palette: PALETTE,
      pixels: [2, 0x11, 0, 0, 0, 3, 1],
    })
    for (let length = 0; length <= bytes.length; length += 1) {
      const image = decodeBmp(bytes.subarray(0, length))
      if (!isFailure(image)) expect([image.width, image.height]).toEqual([4, 2])
    }
  })
})

it.each([
  ['8', 1],
  ['4', 2],
])('a bitmap with runs of %s bits skips those beyond the end of a row', (_, coding) => {
  const header = Buffer.alloc(54)
  header.write('BM', 'latin1')
  header.writeUInt32LE(54, 10)
  header.writeUInt32LE(40, 14)
  header.writeInt32LE(2, 18)
  header.writeInt32LE(1, 22)
  header.writeUInt16LE(coding === 1 ? 8 : 4, 28)
  header.writeUInt32LE(coding, 30)
  header.writeUInt32LE(1, 46)
  // Ten billion pixels, all of them outside the image, would take minutes to draw.
  const runs = Buffer.alloc(80_000_000, Buffer.of(255, 0))
  expect(decodeBmp(Buffer.concat([header, Buffer.alloc(4), runs]))).toMatchObject({ width: 2, height: 1 })
})
