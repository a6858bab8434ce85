import { expect, it } from 'vitest'
import { isLosslessWebp, mayFailLate } from './webp-lossless.ts'

function chunk(id: string, ...data: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(data)
  const head = Buffer.alloc(8)
  head.write(id, 'latin1')
  head.writeUInt32LE(body.length, 4)
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)])
}

function webp(...chunks: readonly Uint8Array[]): Buffer {
  return chunk('RIFF', Buffer.from('WEBP', 'latin1'), ...chunks)
}

const FRAME_HEADER = Buffer.alloc(16)
const frame = (...chunks: readonly Uint8Array[]) => chunk('ANMF', FRAME_HEADER, ...chunks)

it.each([
  ['a lossless still', webp(chunk('VP8L', Buffer.alloc(4))), true, true],
  ['a lossy still', webp(chunk('VP8 ', Buffer.alloc(4))), false, false],
  [
    'a lossy still with alpha',
    webp(chunk('VP8X', Buffer.alloc(10)), chunk('ALPH', Buffer.alloc(3)), chunk('VP8 ', Buffer.alloc(4))),
    false,
    true,
  ],
  [
    'an animation whose first frame is lossless',
    webp(chunk('VP8X', Buffer.alloc(10)), frame(chunk('VP8L')), frame(chunk('VP8 '))),
    true,
    true,
  ],
  [
    'an animation whose later frame is lossless',
    webp(chunk('VP8X', Buffer.alloc(10)), frame(chunk('VP8 ')), frame(chunk('VP8L'))),
    false,
    false,
  ],
])('recognises %s', (_, bytes, isLossless, isFragile) => {
  expect(isLosslessWebp(bytes)).toBe(isLossless)
  expect(mayFailLate(bytes, 'webp')).toBe(isFragile)
})

it('does not recurse into nested frames, however many there are', () => {
  const depth = 100_000
  const file = Buffer.alloc(12 + depth * 24)
  file.write('RIFF', 'latin1')
  file.write('WEBP', 8, 'latin1')
  for (let level = 0; level < depth; level += 1) {
    const at = 12 + level * 24
    file.write('ANMF', at, 'latin1')
    file.writeUInt32LE(file.length - at - 8, at + 4)
  }
  expect(isLosslessWebp(file)).toBe(false)
  expect(mayFailLate(file, 'webp')).toBe(false)
})
