/** Tests that a large source is rendered the same wherever its bytes are, and that a rejected one is not read. */

import type { EngineProcess } from '@media-proxy/origin/engine/engine-process.ts'
import type { BytesLocation, Cost } from '@media-proxy/origin/engine/jobs.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noisePng } from '../fixtures.ts'
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
