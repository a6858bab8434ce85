/**
 * Tests that a large source is rendered the same wherever its bytes are, that a rejected one is not read, and that
 * the service reads one from its store that it does not hold in memory.
 */

import type { EngineProcess } from '@media-proxy/origin/engine/engine-process.ts'
import type { BytesLocation, Cost } from '@media-proxy/origin/engine/jobs.ts'
import { WHOLE_BYTES } from '@media-proxy/origin/source/bytes/source.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin } from '../services.ts'
import { ANY_COST, videoTools } from '../video-tools.ts'
import { FULL_SIZE_WEBP } from './render-options.ts'
import { startEngine } from './start-engine.ts'

const NOTHING = new Uint8Array()
/** Reading the header takes one request of this size. */
const HEAD_BYTES = 256 * 1024

describe('a large PNG', () => {
  let engine: EngineProcess
  let png: Buffer

  beforeAll(async () => {
    png = await noisePng(1200, 1000)
    engine = startEngine()
  })

  afterAll(async () => {
    engine.kill('closed')
    await engine.ended
  })

  /** Returns the rendition, or what ended the job instead, and the ranges that the process requested. */
  async function render(location: BytesLocation, allowance: Cost) {
    const ranges: (readonly [start: number, end: number])[] = []
    const read = (start: number, end: number) => {
      ranges.push([start, end])
      return Promise.resolve(png.subarray(start, end))
    }
    const ended = await engine.run(
      {
        kind: 'render',
        source: { format: 'png', sizeBytes: png.length, location, id: 1, shared: false },
        limits: videoTools.limits,
        options: { ...FULL_SIZE_WEBP, geometry: { ...FULL_SIZE_WEBP.geometry, width: 100 } },
        renderQuality: 'fine',
        allowance,
      },
      location === 'body' ? { body: png } : { body: NOTHING, read },
    )
    if ('cause' in ended) throw new Error(ended.cause.kind)
    const { result, body } = ended
    return { ranges, outcome: isFailure(result) ? result.code : result.kind, body: Buffer.from(body) }
  }

  it.each<[BytesLocation, number]>([
    ['memory', 2],
    ['store', 5],
  ])('in the %s of the server is rendered like one that is sent with the job', async (location, requests) => {
    expect(png.length).toBeGreaterThan(3 * 2 ** 20)
    const sent = await render('body', ANY_COST)
    const requested = await render(location, ANY_COST)
    expect(sent.body.length).toBeGreaterThan(500)
    expect(requested).toMatchObject({ outcome: 'rendered', body: sent.body })
    expect(requested.ranges).toHaveLength(requests)
  })

  it('is read no further than its header when it costs too much', async () => {
    const { outcome, ranges } = await render('memory', { memoryBytes: 1, cpuSeconds: 0 })
    expect(outcome).toBe('deferred')
    expect(ranges).toEqual([[0, HEAD_BYTES]])
  })
})

it('an image that is too large for the memory of the server is rendered from the store', async () => {
  const [width, height] = [2600, 2400]
  // Red grows from left to right, and green from top to bottom.
  const pixels = Buffer.alloc(width * height * 3)
  for (let at = 0; at < width * height; at += 1) {
    pixels[3 * at] = (255 * (at % width)) / width
    pixels[3 * at + 1] = (255 * Math.floor(at / width)) / height
  }
  const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer()
  expect(png.length).toBeGreaterThan(WHOLE_BYTES)
  const service = await openFilesystemOrigin()
  try {
    await service.put('attachments/1/large.png', png)
    const { status, body } = await send(service.url, '/attachments/1/large.png?width=4&format=png')
    expect(status, service.log.at(-1)?.detail).toBe(200)
    const shown = await sharp(body).raw().toBuffer({ resolveWithObject: true })
    expect(shown.info).toMatchObject({ width: 4, height: 4, channels: 3 })
    for (let at = 0; at < 16; at += 1) {
      const expected = [64 * (at % 4) + 32, 64 * Math.floor(at / 4) + 32, 0]
      for (const [channel, level] of expected.entries())
        expect(Math.abs((shown.data[3 * at + channel] ?? -1) - level)).toBeLessThan(16)
    }
  } finally {
    await service.close()
  }
})
