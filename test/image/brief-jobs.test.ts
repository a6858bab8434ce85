/**
 * Tests that a job that only reads a header reports its cost only when it does more work after the first
 * image.
 */

import type { Cost, Job } from '@media-proxy/origin/engine/jobs.ts'
import type { Channel } from '@media-proxy/origin/engine/process/channel.ts'
import { openMediaHandler } from '@media-proxy/origin/engine/process/media-handler.ts'
import { expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { ANY_COST, LIMITS } from '../video-tools.ts'

it.each([
  ['no cost when it only reads the first image', false, 0],
  ['its cost when it does more', true, 1],
])('a brief job reports %s', async (_, scan, reportCount) => {
  const costs: Cost[] = []
  const channel = { reportCost: (cost: Cost) => costs.push(cost) } as unknown as Channel
  const setup = { role: 'media', libav: 'off', temporaryFileBytes: 0, decoderMemoryBytes: 0 } as const
  const handler = await openMediaHandler(setup, channel)
  const bytes = await halvesPng(20, 10)
  const job: Job = {
    kind: 'examine',
    limits: LIMITS,
    allowance: ANY_COST,
    source: { format: 'png', sizeBytes: bytes.length, location: 'body', id: 1, shared: false },
    scan,
    scanFrames: 1,
    acceptAnyAudio: false,
    extras: [],
  }
  expect((await handler.work(job, bytes)).result).toMatchObject({ kind: 'examined' })
  expect(costs).toHaveLength(reportCount)
})
