import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { repair } from '../repair.ts'
import { withRowsInOrder } from './gif-interlace.ts'
import { writePlainLzw } from './gif-lzw.ts'

const SIDE = 8
const ROWS = 16
const INTERLACED = 0x40

/**
 * Builds a GIF of 8x8 pixels with two frames. The second one has 16 rows, each of its own grey, in the order in
 * which they are stored.
 */
function gif(order: readonly number[], flags: number): Buffer {
  const greys = Array.from({ length: ROWS }, (_, index) => Array<number>(3).fill(index * 16)).flat()
  const head = [...Buffer.from('GIF89a'), SIDE, 0, SIDE, 0, 0x83, 0, 0, ...greys]
  const first = [0x2c, 0, 0, 0, 0, SIDE, 0, SIDE, 0, 0]
  const second = [0x2c, 0, 0, 0, 0, SIDE, 0, ROWS, 0, flags]
  const rows = Buffer.from(order.flatMap((row) => Array<number>(SIDE).fill(row)))
  return Buffer.concat([
    Buffer.from([...head, ...first]),
    writePlainLzw(new Uint8Array(SIDE * SIDE)),
    Buffer.from(second),
    writePlainLzw(rows),
    Buffer.of(0x3b),
  ])
}

const IN_PASSES = [0, 8, 4, 12, 2, 6, 10, 14, 1, 3, 5, 7, 9, 11, 13, 15]

it('an interlaced frame that extends past the canvas has its rows in order', async () => {
  const repaired = await repair(gif(IN_PASSES, INTERLACED), 'gif', { checksData: false })
  if (isFailure(repaired)) throw new Error(repaired.detail)
  const { data, info } = await sharp(repaired.bytes, { page: 1 })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect([info.width, info.height]).toEqual([SIDE, SIDE])
  const rows = Array.from({ length: SIDE }, (_, row) => data[row * SIDE * 3])
  expect(rows).toEqual(rows.map((_, row) => row * 16))
})

it('other frames are not changed', () => {
  const plain = gif(
    IN_PASSES.map((_, row) => row),
    0,
  )
  expect(withRowsInOrder(plain)).toBeUndefined()
  const inside = gif(IN_PASSES, INTERLACED)
  inside.writeUInt16LE(ROWS, 8)
  expect(withRowsInOrder(inside)).toBeUndefined()
  expect(withRowsInOrder(gif(IN_PASSES, INTERLACED).subarray(0, -40))).toBeUndefined()
})
