import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { rowsAtOnce, unsupportedTiffReason } from './tiff-samples.ts'

type Entry = readonly [tag: number, value: number]

/** Builds a TIFF that is only a directory, with 16 bits per value. */
function tiff(little: boolean, entries: readonly Entry[]): Uint8Array {
  const file = new DataView(new ArrayBuffer(8 + 2 + entries.length * 12 + 4))
  file.setUint16(0, little ? 0x4949 : 0x4d4d)
  file.setUint16(2, 42, little)
  file.setUint32(4, 8, little)
  file.setUint16(8, entries.length, little)
  for (const [index, [tag, value]] of entries.entries()) {
    const at = 10 + index * 12
    file.setUint16(at, tag, little)
    file.setUint16(at + 2, 3, little)
    file.setUint32(at + 4, 1, little)
    file.setUint16(at + 8, value, little)
  }
  return new Uint8Array(file.buffer)
}

describe.each([true, false])('a TIFF (little-endian: %s)', (little) => {
  it.each([6, 50_000, 34_925, 34_712, 50_002, 34_887])(
    'of compression %i is not supported',
    (compression) => {
      expect(unsupportedTiffReason(tiff(little, [[259, compression]]))).toContain('compression')
    },
  )

  it.each([1, 5, 7, 8, 32_773, 50_001])('of compression %i is supported', (compression) => {
    expect(unsupportedTiffReason(tiff(little, [[259, compression]]))).toBeUndefined()
  })

  it.each([
    ['strips', [[278, 40]], 1],
    ['one strip', [], 1],
    [
      'strips of one channel each',
      [
        [284, 2],
        [278, 40],
      ],
      40,
    ],
    ['one strip for each channel', [[284, 2]], Number.POSITIVE_INFINITY],
    [
      'tiles',
      [
        [322, 64],
        [323, 48],
      ],
      48,
    ],
  ] as const)('of %s is decoded by the right number of rows at once', (_, entries, rows) => {
    expect(rowsAtOnce(tiff(little, entries))).toBe(rows)
  })

  it('of 32-bit integers or of floating-point grey is not supported', () => {
    const of = (bits: number, samples: number, format: number) =>
      unsupportedTiffReason(
        tiff(little, [
          [258, bits],
          [277, samples],
          [339, format],
        ]),
      )
    expect([of(32, 1, 1), of(32, 3, 1), of(32, 1, 3), of(16, 1, 3)]).not.toContain(undefined)
    expect([of(16, 1, 1), of(16, 3, 1), of(8, 4, 1), of(32, 3, 3)]).toEqual(Array(4).fill(undefined))
  })
})

it('a TIFF with its directory outside the file is left to the decoder', () => {
  const file = Buffer.from(tiff(true, [[259, 50_000]]))
  file.writeUInt32LE(1e9, 4)
  expect(unsupportedTiffReason(file)).toBeUndefined()
})

it('a TIFF with its bits per sample stored elsewhere in the file is supported', async () => {
  const opened = sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } })
  expect(unsupportedTiffReason(await opened.tiff({ compression: 'lzw' }).toBuffer())).toBeUndefined()
})
