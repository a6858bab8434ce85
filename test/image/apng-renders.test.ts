/** Tests how animated PNG are rendered, as stills and as animations. */

import { hidesDefaultImage } from '@media-proxy/origin/engine/process/formats/png/apng.ts'
import { encodePngChunk } from '@media-proxy/origin/engine/process/formats/png/png-chunks.ts'
import { decodeImage } from '@media-proxy/origin/engine/process/image/decode.ts'
import { renderImage } from '@media-proxy/origin/engine/process/image/render-image.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { animatedPng, movingPng, noStills } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin } from '../services.ts'
import { BLUE, corner, GREEN, make, RED, SIDE, whole } from './apng-frames.ts'
import { inspectImage } from './inspect-image.ts'

const limits = { sourceBytes: 1e6, decodedBytes: 1e6, sidePixels: 16384, frames: 100 }

describe('a default image that is not a frame', () => {
  const hidden = () => make([whole, { ...whole, colour: GREEN }], { defaultColour: BLUE })

  it('is distinguished from a first frame', async () => {
    expect(hidesDefaultImage(await hidden())).toBe(true)
    expect(hidesDefaultImage(await make([whole]))).toBe(false)
    expect(
      hidesDefaultImage(
        await sharp(await hidden())
          .png()
          .toBuffer(),
      ),
    ).toBe(false)
  })

  it('is not shown as the still', async () => {
    const bytes = await hidden()
    const info = await inspectImage(bytes, 'png', { limits, animated: false })
    if (isFailure(info)) throw new Error(info.detail)
    const plan = { width: 4, height: 4, mode: 'exact', gravity: 'centre' } as const
    const order = { plan, format: 'png', quality: 80, animated: false } as const
    const rendered = await renderImage({ bytes, info }, order, noStills)
    if (isFailure(rendered)) throw new Error(rendered.detail)
    expect([...(await sharp(rendered).raw().toBuffer()).subarray(0, 4)]).toEqual([...RED])
  })
})

describe('an animation that costs too much', () => {
  it('is rejected before it is decoded: each frame costs a whole canvas, whatever part it draws', async () => {
    const service = await openFilesystemOrigin()
    try {
      const side = 3000
      const frames = Array.from({ length: 300 }, (_, index) =>
        index === 0 ? { ...whole, width: side, height: side } : { ...whole, width: 1, height: 1 },
      )
      await service.put(
        'attachments/1/large.png',
        await animatedPng({ width: side, height: side, loop: 0, frames }),
      )
      const ask = (query: string) =>
        send(service.url, `/attachments/1/large.png?format=webp&width=30${query}`)
      const { status, body } = await ask('&animated=true')
      expect([status, body.toString()]).toEqual([400, 'Image dimensions too large'])
      expect((await ask('')).status).toBe(200)
    } finally {
      await service.close()
    }
  })
})

describe('an orientation in an animated PNG', () => {
  it('rotates its dimensions and all of its frames', async () => {
    const bytes = await movingPng(40, 30)
    const exif = Buffer.from('MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0', 'latin1')
    const turned = Buffer.concat([bytes.subarray(0, 33), encodePngChunk('eXIf', exif), bytes.subarray(33)])
    expect((await sharp(turned).metadata()).orientation).toBe(6)
    const info = await inspectImage(turned, 'png', { limits, animated: true })
    expect(info).toMatchObject({ width: 30, height: 40, orientation: 6, frames: 3 })
    if (isFailure(info)) throw new Error(info.detail)
    const plan = { width: 30, height: 40, mode: 'exact', gravity: 'centre' } as const
    for (const format of ['png', 'webp', 'gif'] as const) {
      const order = { plan, format, quality: 'lossless', animated: true } as const
      const rendered = await renderImage({ bytes: turned, info }, order, noStills)
      if (isFailure(rendered)) throw new Error(rendered.detail)
      const { width, height, pageHeight = height } = await sharp(rendered).metadata()
      expect([width, pageHeight]).toEqual([30, 40])
    }
    const first = await decodeImage(turned, info, { frame: 0, maxSidePixels: 40 }, noStills)
    const second = await decodeImage(turned, info, { frame: 1, maxSidePixels: 40 }, noStills)
    expect([first, second]).toMatchObject([
      { width: 30, height: 40 },
      { width: 30, height: 40 },
    ])
  })
})

describe('single frames', () => {
  it.each([
    [0, RED],
    [2, BLUE],
    [99, BLUE],
  ])('show frame %d of an animation as it is displayed', async (frame, [red, , blue]) => {
    const animated = await movingPng(40, 30)
    for (const [format, bytes] of [
      ['png', animated],
      ['gif', await rendition(animated, 'gif')],
      ['webp', await rendition(animated, 'webp')],
    ] as const) {
      const info = await inspectImage(bytes, format, { limits, animated: true })
      if (isFailure(info)) throw new Error(info.detail)
      const image = await decodeImage(bytes, info, { frame, maxSidePixels: 20 }, noStills)
      if (isFailure(image)) throw new Error(image.detail)
      expect([image.width, image.height]).toEqual([20, 15])
      const [r = 0, , b = 0] = image.data
      expect(Math.abs(r - red) + Math.abs(b - blue)).toBeLessThan(20)
    }
  })

  async function rendition(bytes: Uint8Array, format: 'gif' | 'webp'): Promise<Uint8Array> {
    const info = await inspectImage(bytes, 'png', { limits, animated: true })
    if (isFailure(info)) throw new Error(info.detail)
    const plan = { width: 40, height: 30, mode: 'exact', gravity: 'centre' } as const
    const order = { plan, format, quality: 'lossless', animated: true } as const
    const rendered = await renderImage({ bytes, info }, order, noStills)
    if (isFailure(rendered)) throw new Error(rendered.detail)
    return rendered
  }
})

describe('delays and loop counts beyond the limits of other formats', () => {
  it.each(['webp', 'gif'] as const)('are as large as %s can store them', async (format) => {
    const bytes = await make(
      [
        { ...whole, delay: [120, 1] },
        { ...corner, colour: GREEN, delay: [1, 10] },
      ],
      {
        loop: 100_000,
      },
    )
    const info = await inspectImage(bytes, 'png', { limits, animated: true })
    if (isFailure(info)) throw new Error(info.detail)
    const plan = { width: SIDE, height: SIDE, mode: 'exact', gravity: 'centre' } as const
    const rendered = await renderImage(
      { bytes, info },
      { plan, format, quality: 80, animated: true },
      noStills,
    )
    if (isFailure(rendered)) throw new Error(rendered.detail)
    const { pages, delay = [], loop } = await sharp(rendered).metadata()
    expect([pages, delay[1]]).toEqual([2, 100])
    expect(delay[0]).toBeGreaterThanOrEqual(65_500)
    expect(loop).toBeGreaterThanOrEqual(65_535)
  })
})
