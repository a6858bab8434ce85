/**
 * Tests animated PNGs with missing or duplicate chunks. They show the frames that exist, or else the default
 * image.
 */

import {
  encodePngChunk,
  PNG_SIGNATURE,
  type PngChunk,
  pngChunks,
} from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedPng, type PngFrame } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const FRAME = { left: 0, top: 0, width: 16, height: 12, delay: [1, 10], dispose: 0, blend: 0 } as const
const [RED, GREEN, BLUE] = ['255,0,0', '0,255,0', '0,0,255']
const frame = (colour: PngFrame['colour']): PngFrame => ({ ...FRAME, colour })

/**
 * Builds an animation with a green default image that is no frame, then a red and a blue frame, with some
 * chunks changed.
 */
async function broken(change: (chunk: PngChunk, ordinal: number) => readonly PngChunk[]): Promise<Buffer> {
  const bytes = await animatedPng({
    width: 16,
    height: 12,
    loop: 0,
    defaultColour: [0, 255, 0, 255],
    frames: [frame([255, 0, 0, 255]), frame([0, 0, 255, 255])],
  })
  const seen = new Map<string, number>()
  const chunks = [...pngChunks(bytes)].flatMap((chunk) => {
    const ordinal = seen.get(chunk.id) ?? 0
    seen.set(chunk.id, ordinal + 1)
    return change(chunk, ordinal)
  })
  return Buffer.concat([PNG_SIGNATURE, ...chunks.map(({ id, data }) => encodePngChunk(id, data))])
}

const CASES: readonly (readonly [
  name: string,
  change: Parameters<typeof broken>[0],
  still: string,
  frames: number,
])[] = [
  ['no change', (chunk) => [chunk], RED, 2],
  ['no data of the first frame', (chunk, n) => (chunk.id === 'fdAT' && n === 0 ? [] : [chunk]), BLUE, 1],
  ['no data of any frame', (chunk) => (chunk.id === 'fdAT' ? [] : [chunk]), GREEN, 1],
  ['no control chunks', (chunk) => (chunk.id === 'fcTL' ? [] : [chunk]), GREEN, 1],
  ['a repeated control', (chunk, n) => (chunk.id === 'fcTL' && n === 0 ? [chunk, chunk] : [chunk]), RED, 2],
  ['two animation headers', (chunk) => (chunk.id === 'acTL' ? [chunk, chunk] : [chunk]), RED, 2],
]

describe('an animated PNG', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin()
    for (const [index, [, change]] of CASES.entries())
      await service.put(`attachments/1/${index}.png`, await broken(change))
  })
  afterAll(() => service.close())

  it.each(CASES.map(([name, , still, frames], index) => [name, index, still, frames] as const))(
    'with %s is shown',
    async (_, index, still, frames) => {
      const path = `/attachments/1/${index}.png?width=8&format=webp&quality=lossless`
      const [first, moving] = [
        await send(service.url, path),
        await send(service.url, `${path}&animated=true`),
      ]
      expect([first.status, moving.status]).toEqual([200, 200])
      for (const { body } of [first, moving])
        expect([...(await sharp(body).removeAlpha().raw().toBuffer()).subarray(0, 3)].join()).toBe(still)
      expect((await sharp(moving.body).metadata()).pages ?? 1).toBe(frames)
    },
  )
})
