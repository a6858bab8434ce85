import { expect, it } from 'vitest'
import { gifFrames, sharesPalette } from './gif-frames.ts'

/** A GIF of one pixel whose frames store their data in blocks of these lengths. */
function gif(...frames: readonly (readonly number[])[]): Buffer {
  const header = Buffer.from('GIF89a\x01\0\x01\0\0\0\0', 'latin1')
  const descriptor = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0])
  const blocks = (lengths: readonly number[]) =>
    lengths.map((length, index) => Buffer.alloc(1 + length, index + 1).fill(length, 0, 1))
  const coded = frames.flatMap((lengths) => [descriptor, Buffer.of(2), ...blocks(lengths), Buffer.of(0)])
  return Buffer.concat([header, ...coded, Buffer.of(0x3b)])
}

it('the data blocks of each frame are joined', () => {
  const frames = [...gifFrames(gif([3, 1], [], [255])).frames]
  expect(frames.map(({ data }) => [...data])).toEqual([[1, 1, 1, 2], [], Array(255).fill(1)])
})

it.each([
  [1, 5],
  [2, 5],
  [3, 4],
  [4, 3],
  [5, 3],
  [6, 2],
])('a frame that is cut off by %i bytes has the remaining data', (missing, there) => {
  const whole = gif([3, 2])
  const [frame] = gifFrames(whole.subarray(0, whole.length - missing)).frames
  expect([...(frame?.data ?? [])]).toEqual([1, 1, 1, 2, 2].slice(0, there))
})

it('small blocks take no more memory than their data', () => {
  const blocks = 4_000_000
  const bytes = Buffer.concat([gif([]).subarray(0, -2), Buffer.alloc(2 * blocks, Buffer.of(1, 7))])
  const before = process.memoryUsage().heapUsed
  const [frame] = gifFrames(bytes).frames
  const data = frame?.data
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000)
  expect(data).toHaveLength(blocks)
})

it('a palette of any frame is found', () => {
  const shared = gif([3], [3])
  expect(sharesPalette(shared)).toBe(true)
  // The flags of the second image descriptor declare a palette of two colours.
  const second = shared.lastIndexOf(0x2c)
  const flags = shared.subarray(0, second + 10)
  const own = Buffer.concat([flags, Buffer.alloc(6), shared.subarray(second + 10)])
  own.writeUInt8(0x80, second + 9)
  expect(sharesPalette(own)).toBe(false)
})
