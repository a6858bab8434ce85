import { fail } from '@media-proxy/shared/response/failure.ts'
import { expect, it } from 'vitest'
import type { SourceLimits } from '../media/limits.ts'
import type { Source } from '../source/bytes/source.ts'
import { createEngine } from './client.ts'
import type { ExtraName } from './jobs.ts'
import type { EngineLanes } from './lanes.ts'
import type { Runner } from './runner.ts'

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
  const engine = createEngine({
    run,
    lanes: {} as EngineLanes,
    limits: {} as SourceLimits,
    renderQuality: 'fine',
    scanFrames: 1,
  })
  const source = { kind: { kind }, bytes: new Uint8Array(1), parts: { sizeBytes: 1 } } as Source
  const time = { signal: new AbortController().signal, timeLeftMs: 1000 }
  const examined = await engine.examine(source, { scan: false, extras: ['codecs', 'waveform'] }, time)
  expect(examined).toMatchObject(kind === 'audio' ? { format: 'mp3' } : { code: 'too-large-dimensions' })
  expect(asked).toEqual(examinations)
})
