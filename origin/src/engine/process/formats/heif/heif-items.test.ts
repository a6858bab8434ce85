import { expect, it } from 'vitest'
import { isoBox } from '../../../../media/iso-boxes.test-data.ts'
import { readHeif, shownItem } from './heif-items.ts'

const uint16 = (value: number) => Buffer.of(value >> 8, value & 255)
const uint32 = (value: number) => Buffer.concat([uint16(value >>> 16), uint16(value & 0xffff)])
const FULL = Buffer.alloc(4)

const info = (id: number, type: string) =>
  isoBox('infe', Buffer.of(2, 0, 0, 0), uint16(id), uint16(0), Buffer.from(type))

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

function bytesOfImage(file: Buffer): Buffer | undefined {
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
  expect(bytesOfImage(file)).toEqual(Buffer.alloc(10, 7))
})

it('an extent without a length is the rest of the file', () => {
  const start = heif([], 10).length + 8 - 10
  expect(bytesOfImage(heif([[start, 0]], 10))).toEqual(Buffer.alloc(10, 7))
})

it.each([
  ['overlapping extents', [0, 100]],
  ['extents that each are the rest of the file', [0, 0]],
  ['an extent beyond the end', [1000, 100_000]],
] as const)('an image has no bytes when it has %s', (_, part) => {
  expect(bytesOfImage(heif(Array(32).fill(part), 1000))).toBeUndefined()
})

it('takes an image for the primary one when only its thumbnail is declared, and keeps both', () => {
  const file = isoBox(
    'meta',
    ...[FULL, isoBox('pitm', FULL, uint16(1))],
    isoBox('iinf', FULL, uint16(2), info(1, 'hvc1'), info(2, 'hvc1')),
    isoBox('iref', FULL, isoBox('thmb', uint16(1), uint16(1), uint16(2))),
  )
  const read = readHeif(file)
  expect([read?.primary.id, read?.others.map(({ id }) => id)]).toEqual([2, [1]])
})

it.each([
  ['of its first tile when it has none', [], ['prof two']],
  ['of its own', [1], ['prof one']],
])('has a grid with the colours %s', (_, ofGrid, wanted) => {
  const colours = ['one', 'two', 'three'].map((name) => isoBox('colr', Buffer.from(`prof ${name}`)))
  const associated = (id: number, indices: readonly number[]) =>
    Buffer.concat([uint16(id), Buffer.of(indices.length, ...indices)])
  const associations = [associated(1, ofGrid), associated(2, [2]), associated(3, [3])]
  const file = isoBox(
    'meta',
    ...[FULL, isoBox('pitm', FULL, uint16(1))],
    isoBox('iinf', FULL, uint16(3), info(1, 'grid'), info(2, 'hvc1'), info(3, 'hvc1')),
    isoBox('iref', FULL, isoBox('dimg', uint16(1), uint16(2), uint16(2), uint16(3))),
    isoBox('iprp', isoBox('ipco', ...colours), isoBox('ipma', FULL, uint32(3), ...associations)),
  )
  const read = readHeif(file)
  const found = read && shownItem(read).properties.map(({ data }) => data.toString('latin1'))
  expect(found).toEqual(wanted)
})
