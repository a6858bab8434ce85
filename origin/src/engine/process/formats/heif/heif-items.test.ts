import { expect, it } from 'vitest'
import { isoBox } from '../../../../media/iso-boxes.test-data.ts'
import { readHeif } from './heif-items.ts'

const uint16 = (value: number) => Buffer.of(value >> 8, value & 255)
const uint32 = (value: number) => Buffer.concat([uint16(value >>> 16), uint16(value & 0xffff)])
const FULL = Buffer.alloc(4)

/** Builds a file with one image whose bytes lie in these extents of the file. */
function heif(parts: readonly (readonly [start: number, bytes: number])[], mediaBytes: number): Buffer {
  const meta = isoBox(
    'meta',
    FULL,
    isoBox('pitm', FULL, uint16(1)),
    isoBox(
      'iinf',
      FULL,
      uint16(1),
      isoBox('infe', Buffer.of(2, 0, 0, 0), uint16(1), uint16(0), Buffer.from('av01')),
    ),
    isoBox(
      'iloc',
      ...[FULL, Buffer.of(0x44, 0), uint16(1), uint16(1), uint16(0), uint16(parts.length)],
      ...parts.flat().map(uint32),
    ),
  )
  return Buffer.concat([meta, isoBox('mdat', Buffer.alloc(mediaBytes, 7))])
}

function bytesOfPicture(file: Buffer): Buffer | undefined {
  const read = readHeif(file)
  return read?.bytesOf(read.primary)
}

it('the extents of an image are joined', () => {
  const start = heif([], 10).length + 2 * 8 - 10
  const file = heif(
    [
      [start, 4],
      [start + 4, 6],
    ],
    10,
  )
  expect(bytesOfPicture(file)).toEqual(Buffer.alloc(10, 7))
})

it('an extent without a length is the rest of the file', () => {
  const start = heif([], 10).length + 8 - 10
  expect(bytesOfPicture(heif([[start, 0]], 10))).toEqual(Buffer.alloc(10, 7))
})

it.each([
  ['overlapping extents', [0, 100]],
  ['extents that each are the rest of the file', [0, 0]],
  ['an extent beyond the end', [1000, 100_000]],
] as const)('an image has no bytes when it has %s', (_, part) => {
  expect(bytesOfPicture(heif(Array(32).fill(part), 1000))).toBeUndefined()
})
