import sharp from 'sharp'
import { expect, it } from 'vitest'
import { gifFrames } from './gif-frames.ts'
import { readLzw, writePlainLzw } from './gif-lzw.ts'
import { normalizeGif } from './normalize-gif.ts'
import { repairGif } from './repair-gif.ts'

const [WIDTH, HEIGHT] = [40, 30]
const AREA = WIDTH * HEIGHT

/** Encodes a GIF of eight colours with runs of many lengths. */
async function gif(progressive = false): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: AREA }, (_, at) => {
      const level = 36 * (((at >> 2) * (at >> 5)) & 7)
      return [level, 255 - level, 90]
    }).flat(),
  )
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .gif({ progressive })
    .toBuffer()
}

async function pixelsOf(bytes: Uint8Array): Promise<Buffer> {
  return sharp(bytes).toColourspace('srgb').ensureAlpha().raw().toBuffer()
}

async function firstFrame(bytes: Uint8Array) {
  const [frame] = gifFrames(bytes).frames
  if (frame === undefined) throw new Error('no frame')
  return frame
}

it('written LZW data is read back as the same pixels', async () => {
  const frame = await firstFrame(await gif())
  const pixels = new Uint8Array(AREA)
  expect(readLzw(frame.data, frame.codeBits, AREA, pixels)).toEqual({ pixels: AREA, isEnded: true })
  const [codeBits = 0, ...blocks] = writePlainLzw(pixels)
  const data: number[] = []
  for (let at = 0; (blocks[at] ?? 0) > 0; at += 1 + (blocks[at] ?? 0))
    data.push(...blocks.slice(at + 1, at + 1 + (blocks[at] ?? 0)))
  const again = new Uint8Array(AREA)
  expect(readLzw(Uint8Array.from(data), codeBits, AREA, again)).toEqual({ pixels: AREA, isEnded: true })
  expect(Buffer.compare(again, pixels)).toBe(0)
})

it('some pixels are read from LZW data that is cut off', async () => {
  const { data, codeBits } = await firstFrame(await gif())
  const { pixels, isEnded } = readLzw(data.subarray(0, data.length >> 1), codeBits, AREA)
  expect(isEnded).toBe(false)
  expect(pixels).toBeGreaterThan(AREA / 4)
  expect(pixels).toBeLessThan(AREA)
})

it.each([false, true])('a complete GIF is unchanged, interlaced: %s', async (progressive) => {
  expect(repairGif(await gif(progressive))).toBeUndefined()
})

it('a GIF without its end code is repaired', async () => {
  const whole = await gif()
  const { data, end } = await firstFrame(whole)
  // Drops the last byte of the last block, which may be the only one.
  const cut = Buffer.concat([whole.subarray(0, end - 2), Uint8Array.of(0, 0x3b)])
  cut[end - 2 - (data.length % 255 || 255)] = (data.length % 255 || 255) - 1
  const repaired = repairGif(cut)
  if (repaired === undefined) throw new Error('not repaired')
  const [shown, wanted] = [await pixelsOf(repaired.bytes), await pixelsOf(whole)]
  const same = shown.filter((level, at) => level === wanted[at]).length
  expect(same).toBeGreaterThan(wanted.length * 0.95)
})

it('the rows of an interlaced GIF that is cut off replace the missing ones', async () => {
  const whole = await gif(true)
  const repaired = repairGif(whole.subarray(0, whole.length >> 1))
  expect(repaired?.isPartial).toBe(true)
  const shown = await pixelsOf(repaired?.bytes ?? Buffer.alloc(0))
  const rows = Array.from({ length: HEIGHT }, (_, y) => shown.subarray(y * WIDTH * 4, (y + 1) * WIDTH * 4))
  expect(rows.filter((row) => row[3] === 255).length).toBe(HEIGHT)
  expect(rows[1]).toEqual(rows[0])
})

it('a GIF without a colour table is black, and disposal 4 is treated as 3', async () => {
  const whole = await gif()
  const table = 3 * 2 ** (((whole[10] ?? 0) & 7) + 1)
  const bare = Buffer.concat([whole.subarray(0, 13), whole.subarray(13 + table)])
  bare[10] = 0
  const shown = await pixelsOf(normalizeGif(bare) ?? bare)
  expect([...shown.subarray(0, 4)]).toEqual([0, 0, 0, 255])
  const { control } = await firstFrame(whole)
  if (control === undefined) throw new Error('no control')
  const odd = Buffer.from(whole)
  odd[control + 3] = 4 << 2
  expect((normalizeGif(odd) ?? odd)[control + 3]).toBe(3 << 2)
})
