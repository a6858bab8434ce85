import { fail } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import type { SourceLimits } from '../media/limits.ts'
import type { Source } from '../source/bytes/source.ts'
import { createEngine, type Engine } from './client.ts'
import type { ExtraName, JobSource } from './jobs.ts'
import type { EngineLanes } from './lanes.ts'
import type { Runner } from './runner.ts'

const TIME = { signal: new AbortController().signal, timeLeftMs: 1000 }

function engineThatRuns(run: Runner): Engine {
  return createEngine({
    run,
    lanes: {} as EngineLanes,
    limits: {} as SourceLimits,
    renderQuality: 'fine',
    scanFrames: 1,
  })
}

it.each([
  ['an audio file is examined without its waveform', 'audio', [['codecs', 'waveform'], ['codecs']]],
  ['an image is rejected at once', 'image', [['codecs', 'waveform']]],
] as const)('when the cost is too high, %s', async (_, kind, examinations) => {
  const asked: (readonly ExtraName[])[] = []
  const run = (async (_source, jobOf) => {
    const job = jobOf({ memoryBytes: 1, cpuSeconds: 1 }, { id: 1, shared: false })
    const extras = job.kind === 'examine' ? job.extras : []
    asked.push(extras)
    return extras.includes('waveform')
      ? fail('too-large-dimensions', 'predicted 100 s')
      : { result: { kind: 'examined', format: 'mp3' }, body: new Uint8Array(), usedCpuSeconds: 0 }
  }) as Runner
  const source = { kind: { kind }, bytes: new Uint8Array(1), parts: { sizeBytes: 1 } } as Source
  const look = { scan: false, extras: ['codecs', 'waveform'] } as const
  const examined = await engineThatRuns(run).examine(source, look, TIME)
  expect(examined).toMatchObject(kind === 'audio' ? { format: 'mp3' } : { code: 'too-large-dimensions' })
  expect(asked).toEqual(examinations)
})

it.each([
  ['a small image is sent with its job', 1000, 1000, 'body'],
  ['a large image is requested from memory', 2 ** 21, 2 ** 21, 'memory'],
  ['a video is requested from the store', 1000, 2 ** 21, 'store'],
] as const)('%s', async (_, heldBytes, sizeBytes, location) => {
  let job: { readonly source: JobSource } | undefined
  const run = (async (_source, jobOf) => {
    job = jobOf({ memoryBytes: 1, cpuSeconds: 1 }, { id: 1, shared: false })
    return fail('undecodable')
  }) as Runner
  const source = { bytes: new Uint8Array(heldBytes), parts: { sizeBytes } } as Source
  await engineThatRuns(run).readFrames(source, TIME)
  expect(job?.source).toMatchObject({ location, sizeBytes })
})
