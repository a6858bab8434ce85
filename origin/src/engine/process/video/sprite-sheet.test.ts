import { fail } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import type { Frame } from '../container/video-decoder.ts'
import { drawSpriteSheet, SHEET_FRAMES_HELD } from './sprite-sheet.ts'
import type { Video } from './video.ts'

const SIZE = { width: 2, height: 2 }

it('a sprite sheet holds few frames at a time, and replaces an undecodable frame by its neighbour', async () => {
  const read: number[] = []
  // The only parts of a video that a sheet uses.
  const video = {
    info: { durationSeconds: 20 },
    async readFrames(timestamps: readonly number[]) {
      read.push(timestamps.length)
      return timestamps.map((timestamp) =>
        timestamp === 0 || timestamp === 7 ? fail('undecodable') : frameOf(Math.round(timestamp)),
      )
    },
  } as unknown as Video
  const sheet = await drawSpriteSheet(video, { columns: 5, rows: 4 }, SIZE)
  if (!('image' in sheet)) throw new Error(sheet.code)
  expect(Math.max(...read)).toBe(SHEET_FRAMES_HELD)
  const { data, width } = sheet.image
  const shown = Array.from({ length: 20 }, (_, cell) => {
    const [left, top] = [(cell % 5) * SIZE.width, Math.floor(cell / 5) * SIZE.height]
    return data[(top * width + left) * 4]
  })
  expect(shown).toEqual([1, 1, 2, 3, 4, 5, 6, 6, ...Array.from({ length: 12 }, (_, at) => at + 8)])
})

function frameOf(value: number): Frame {
  const data = Buffer.alloc(SIZE.width * SIZE.height * 4, 255)
  for (let at = 0; at < data.length; at += 4) data[at] = value
  return { ...SIZE, data, channels: 4, timestampSeconds: value }
}
