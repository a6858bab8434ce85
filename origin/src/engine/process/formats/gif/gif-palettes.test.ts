import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { repair } from '../repair.ts'
import { writePlainLzw } from './gif-lzw.ts'
import { withWholePalettes } from './gif-palettes.ts'

const [RED, GREEN, BLUE] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
] as const
const TRANSPARENT = 1
const PIXELS = [0, TRANSPARENT, 2, 200]

/** Builds a GIF of four pixels in a row, with an index that no table has, and with a table in each frame. */
function gif(...tables: readonly (readonly (readonly number[])[])[]): Buffer {
  const size = (table: readonly unknown[]) => Math.log2(table.length) - 1
  const [shared = [], ...own] = tables
  const head = [...Buffer.from('GIF89a'), PIXELS.length, 0, 1, 0, 0x80 | size(shared), 0, 0, ...shared.flat()]
  const frames = [undefined, ...own].map((table) => {
    const flags = table === undefined ? 0 : 0x80 | size(table)
    const control = [0x21, 0xf9, 4, 1, 10, 0, TRANSPARENT, 0]
    const descriptor = [0x2c, 0, 0, 0, 0, PIXELS.length, 0, 1, 0, flags, ...(table ?? []).flat()]
    return Buffer.concat([Buffer.from([...control, ...descriptor]), writePlainLzw(Uint8Array.from(PIXELS))])
  })
  return Buffer.concat([Buffer.from(head), ...frames, Buffer.of(0x3b)])
}

async function pixelsOf(bytes: Uint8Array, page: number): Promise<readonly (readonly number[])[]> {
  const data = await sharp(bytes, { page }).toColourspace('srgb').ensureAlpha().raw().toBuffer()
  return PIXELS.map((_, at) => [...data.subarray(at * 4, at * 4 + 4)])
}

const BLACK = [0, 0, 0, 255]

it('an index that its colour table lacks is black', async () => {
  const repaired = await repair(gif([RED, GREEN, BLUE, RED], [GREEN, RED]), 'gif', { checksData: false })
  if (isFailure(repaired)) throw new Error(repaired.detail)
  const [first, transparent, ...others] = await pixelsOf(repaired.bytes, 0)
  expect(first).toEqual([...RED, 255])
  expect(transparent?.[3]).toBe(0)
  expect(others).toEqual([[...BLUE, 255], BLACK])
  const [second, , ...more] = await pixelsOf(repaired.bytes, 1)
  expect([second, ...more]).toEqual([[...GREEN, 255], BLACK, BLACK])
})

it('complete tables are not changed', () => {
  const table = Array.from({ length: 256 }, (_, index) => [index, index, index])
  expect(withWholePalettes(gif(table, table))).toBeUndefined()
})

it('a truncated GIF loses no bytes', () => {
  const bytes = gif([RED, GREEN], [GREEN, RED])
  for (let length = 0; length < bytes.length; length += 1) {
    const cut = bytes.subarray(0, length)
    const whole = withWholePalettes(cut)
    expect(whole === undefined || whole.length > length).toBe(true)
  }
})
