import { expect, test } from 'vitest'
import { isoBox } from './iso-boxes.test-data.ts'
import { boxesIn, findBox, findBoxes } from './iso-boxes.ts'

/** Returns a copy of a box with another size in its header. */
function withDeclaredSize(box: Buffer, size: number): Buffer {
  const copy = Buffer.from(box)
  copy.writeUInt32BE(size)
  return copy
}

/** Builds a box with a 64-bit size. */
function largeBox(type: string, content: Buffer, size = 16 + content.length): Buffer {
  const large = Buffer.alloc(8)
  large.writeBigUInt64BE(BigInt(size))
  return withDeclaredSize(isoBox(type, large, content), 1)
}

const text = (value: string) => Buffer.from(value)
const seen = (file: Buffer) =>
  [...boxesIn(file)].map(({ type, start, end, isWhole }) => [
    type,
    file.toString('latin1', start, end),
    isWhole,
  ])

test('boxes with 32-bit and 64-bit sizes follow each other, and the last may have no size', () => {
  const file = Buffer.concat([
    isoBox('ftyp', text('abcd')),
    largeBox('free', text('large')),
    withDeclaredSize(isoBox('mdat', text('rest')), 0),
  ])
  expect(seen(file)).toEqual([
    ['ftyp', 'abcd', true],
    ['free', 'large', true],
    ['mdat', 'rest', true],
  ])
})

test.each([
  ['a size smaller than its header', withDeclaredSize(isoBox('free', text('abcd')), 7)],
  ['a large size smaller than its header', largeBox('free', text('abcd'), 15)],
  ['a header that is cut', isoBox('free', text('')).subarray(0, 7)],
  ['a large header that is cut', largeBox('free', text('')).subarray(0, 15)],
])('the walk ends at %s', (_, broken) => {
  expect(seen(Buffer.concat([isoBox('ftyp', text('abcd')), broken]))).toEqual([['ftyp', 'abcd', true]])
})

test.each([
  ['in 32 bits', withDeclaredSize(isoBox('moov', text('abcd')), 1000)],
  ['in 64 bits', largeBox('moov', text('abcd'), Number.MAX_SAFE_INTEGER)],
])('a truncated box ends at the end of its bytes, with a declared size %s', (_, cut) => {
  expect(seen(cut)).toEqual([['moov', 'abcd', false]])
})

test('a path finds all boxes that it selects, inside their parents', () => {
  const track = (name: string) => isoBox('trak', isoBox('mdia', isoBox('hdlr', text(name))))
  const file = Buffer.concat([
    isoBox('moov', Buffer.concat([track('one'), track('two')])),
    track('elsewhere'),
  ])
  const whole = { start: 0, end: file.length }
  const names = [...findBoxes(file, whole, 'moov', 'trak', 'mdia', 'hdlr')].map(({ start, end }) =>
    file.toString('latin1', start, end),
  )
  expect(names).toEqual(['one', 'two'])
  expect(findBox(file, whole, 'moov', 'mdia')).toBeUndefined()
})

test('a box does not extend beyond its parent', () => {
  const file = Buffer.concat([
    isoBox('moov', withDeclaredSize(isoBox('trak', text('abcd')), 100)),
    isoBox('mdat', text('media')),
  ])
  const track = findBox(file, { start: 0, end: file.length }, 'moov', 'trak')
  expect(file.toString('latin1', track?.start, track?.end)).toBe('abcd')
})

test('a list with more boxes than a file may have is not walked to its end', () => {
  expect([
    ...boxesIn(Buffer.concat(Array.from({ length: 5000 }, () => isoBox('free', text(''))))),
  ]).toHaveLength(4096)
})
