/** Tests PNGs whose pixels have indices beyond the palette: browsers show these in its last colour. */

import { deflateSync } from 'node:zlib'
import { encodePngChunk, PNG_SIGNATURE } from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'

const [RED, GREEN] = [
  [200, 0, 0],
  [0, 200, 0],
] as const

/** Builds a row of four pixels with the indices 0 to 3. */
function png(palette: readonly (readonly number[])[], alphas: readonly number[]): Buffer {
  // Width 4, height 1, two bits per index, palette.
  const header = Buffer.of(0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 0, 0, 0)
  return Buffer.concat([
    PNG_SIGNATURE,
    encodePngChunk('IHDR', header),
    encodePngChunk('PLTE', Buffer.from(palette.flat())),
    ...(alphas.length === 0 ? [] : [encodePngChunk('tRNS', Buffer.from(alphas))]),
    encodePngChunk('IDAT', deflateSync(Buffer.of(0, 0b00_01_10_11))),
    encodePngChunk('IEND'),
  ])
}

describe('a PNG with indices beyond its palette', () => {
  let service: Service
  beforeAll(async () => {
    service = await openFilesystemOrigin({})
  })
  afterAll(() => service.close())

  it.each([
    ['two colours', [RED, GREEN], [], [255, 255, 255, 255]],
    ['two colours with alphas', [RED, GREEN], [255, 128], [255, 128, 128, 128]],
    ['two colours, one of them with alpha', [RED, GREEN], [0], [0, 255, 255, 255]],
    ['four colours', [RED, RED, RED, GREEN], [], [255, 255, 255, 255]],
  ] as const)('and %s', async (what, palette, alphas, expected) => {
    const name = `${what.replaceAll(' ', '-')}.png`
    await service.put(`attachments/1/${name}`, png(palette, alphas))
    const { status, body } = await send(
      service.url,
      `/attachments/1/${name}?format=webp&quality=lossless&width=4`,
    )
    expect(status).toBe(200)
    const data = await sharp(body).ensureAlpha().raw().toBuffer()
    expect([3, 7, 11, 15].map((at) => data[at])).toEqual(expected)
    // Like a browser, the last pixels have the last colour.
    expect([...data.subarray(12, 15)]).toEqual(GREEN)
  })
})
