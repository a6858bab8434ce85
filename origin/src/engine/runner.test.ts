/**
 * Tests that work which ended its process is rejected at once, and that other work on the same file is not.
 */

import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { createLane } from '../concurrency/lane.ts'
import type { SourceLimits } from '../media/limits.ts'
import type { Source } from '../source/bytes/source.ts'
import { createCrashHistory } from './crash-history.ts'
import type { EngineProcess, JobOutput } from './engine-process.ts'
import type { JobClass } from './job-classes.ts'
import type { ExamineJob, Job, RenderJob } from './jobs.ts'
import type { Pool } from './pool.ts'
import type { ProcessEnd } from './process-end.ts'
import { FULL_SIZE, type RenderOptions } from './render-options.ts'
import { createRunner } from './runner.ts'

const COST = { memoryBytes: 1, cpuSeconds: 1 }
const CRASH: ProcessEnd = { cpuSeconds: 1, cause: { kind: 'crashed', detail: 'SIGSEGV' } }
const THROWN: ProcessEnd = { cpuSeconds: 1, cause: { kind: 'crashed', detail: 'status 1', threw: true } }
const SLOW: ProcessEnd = { cpuSeconds: 9, cause: { kind: 'killed', reason: 'cpu' } }
const RENDERED: JobOutput<'render'> = {
  body: new Uint8Array(),
  usedCpuSeconds: 0,
  result: { kind: 'rendered', format: 'webp', untouched: false },
}

const PLAIN: RenderOptions = {
  geometry: FULL_SIZE,
  imagesOnly: false,
  format: 'webp',
  quality: 80,
  isQualityRequested: false,
  animated: false,
}
const AT_SIX: RenderOptions = { ...PLAIN, time: { milliseconds: 6000 } }
const AT_SEVEN: RenderOptions = { ...PLAIN, time: { milliseconds: 7000 } }
const SHEET: RenderOptions = { ...PLAIN, sprite: { columns: 2, rows: 2 } }
const still = (options: string) => ({ kind: 'still', options }) as const

describe('a job that crashes its process', () => {
  it.each([
    ['a still of a moment', AT_SIX, CRASH],
    ['a still that takes too long', AT_SIX, SLOW],
    ['a sprite sheet', SHEET, CRASH],
    ['a clip', { ...PLAIN, format: 'mp4' } as RenderOptions, CRASH],
    ['an animation', { ...PLAIN, animated: true }, CRASH],
  ])('is rejected afterwards, while other jobs still run, when it is %s', async (_, options, end) => {
    const { render, begun } = runner([{ end, inspected: true }])
    expect(await render(options)).toMatchObject({ ok: false })
    expect(await render(options)).toMatchObject({ ok: false })
    expect(begun()).toBe(1)
    for (const other of [PLAIN, AT_SEVEN]) expect(await render(other)).toMatchObject({ body: RENDERED.body })
  })

  it.each([
    ['the first image', PLAIN, true],
    ['the header', AT_SIX, false],
  ])('blocks the whole source when it is %s', async (_, options, inspected) => {
    const { render, examine, begun } = runner([{ end: CRASH, inspected }])
    expect(await render(options)).toMatchObject({ code: 'undecodable' })
    for (const other of [PLAIN, AT_SEVEN, SHEET])
      expect(await render(other)).toMatchObject({ code: 'undecodable' })
    expect(await examine()).toMatchObject({ code: 'undecodable' })
    expect(begun()).toBe(1)
  })

  it.each([
    ['moments', 'webp', CRASH, 'undecodable'],
    ['clips that take too long', 'mp4', SLOW, 'too-large-dimensions'],
  ] as const)('blocks its kind of job after five crashes: %s', async (_, format, end, code) => {
    const { render, examine, begun } = runner(Array.from({ length: 5 }, () => ({ end, inspected: true })))
    const at = (milliseconds: number) => render({ ...PLAIN, format, time: { milliseconds } })
    for (let second = 1; second <= 9; second += 1) expect(await at(second * 1000)).toMatchObject({ code })
    expect(begun()).toBe(5)
    for (const other of [PLAIN, SHEET]) expect(await render(other)).toMatchObject({ body: RENDERED.body })
    expect(await examine()).not.toMatchObject({ ok: false })
  })

  it('of one source is not forgotten because of crashes of others', () => {
    const lethalWork = createCrashHistory()
    const end = { failure: fail('undecodable'), inspected: true, threw: false }
    lethalWork.remember('a', still('b'), end)
    for (let work = 0; work < 2000; work += 1) lethalWork.remember('other', still(`${work}`), end)
    expect(lethalWork.rejection('a', still('b'))).toMatchObject({ code: 'undecodable' })
    expect(lethalWork.rejection('a', still('c'))).toBeUndefined()
  })

  it('is a defect when it threw an error, and is rejected for a while', async () => {
    const { render, begun } = runner([{ end: THROWN, inspected: false }])
    expect(await render(PLAIN)).toMatchObject({ code: 'defect' })
    expect(await render(PLAIN)).toMatchObject({ code: 'defect' })
    expect(begun()).toBe(1)
    expect(await render(AT_SIX)).toMatchObject({ body: RENDERED.body })
  })

  it('is forgotten after ten minutes, or after one minute when it threw', () => {
    let now = 1000
    const lethalWork = createCrashHistory(() => now)
    const failure = fail('undecodable')
    lethalWork.remember('a', still('crashed'), { failure, inspected: true, threw: false })
    lethalWork.remember('a', still('threw'), { failure, inspected: true, threw: true })
    now += 61_000
    expect(lethalWork.rejection('a', still('threw'))).toBeUndefined()
    expect(lethalWork.rejection('a', still('crashed'))).toBe(failure)
    now += 600_000
    expect(lethalWork.rejection('a', still('crashed'))).toBeUndefined()
  })
})

interface Ending {
  readonly end: ProcessEnd
  readonly inspected: boolean
}

/** Creates a runner of jobs on one source. The first jobs end with the given endings. */
function runner(endings: readonly Ending[]) {
  let begun = 0
  const process = {
    async run(_job: Job, _input: unknown, onInspected?: (cost: typeof COST) => void) {
      const ending = endings[begun]
      begun += 1
      if (ending?.inspected) onInspected?.(COST)
      return ending?.end ?? RENDERED
    },
    cpuSeconds: () => 0,
    kill: () => undefined,
  }
  const pool: Pick<Pool, 'take' | 'release'> = {
    // The runner uses no other member of a process.
    take: async () => process as unknown as EngineProcess,
    release: () => undefined,
  }
  const jobClass: JobClass = {
    lane: createLane({ concurrency: 1, queue: 1 }),
    pool: pool as Pool,
    allowance: COST,
    weightBytes: 0,
    headerCpuSeconds: 1,
    cpuMargin: 2,
    isQuick: false,
  }
  const run = createRunner({
    classes: { first: () => jobClass, clip: jobClass, slow: jobClass, admitted: () => jobClass },
    maxCost: COST,
    events: { onJob: () => undefined, onLost: () => undefined },
  })
  const jobSource = { format: 'mp4', sizeBytes: 1, location: 'body' } as const
  const limits = {} as SourceLimits
  const time = { signal: new AbortController().signal, timeLeftMs: 1000 }
  const source = {
    key: 'a',
    info: { etag: '"1"', lastModified: undefined },
    bytes: new Uint8Array(1),
    parts: { sizeBytes: 1 },
  } as Source
  return {
    begun: () => begun,
    render: (options: RenderOptions): Promise<JobOutput<'render'> | Failure> =>
      run(
        source,
        (allowance, sharing): RenderJob => ({
          kind: 'render',
          source: { ...jobSource, ...sharing },
          limits,
          options,
          allowance,
          renderQuality: 'fine',
        }),
        time,
      ),
    examine: () =>
      run(
        source,
        (allowance, sharing): ExamineJob => ({
          kind: 'examine',
          source: { ...jobSource, ...sharing },
          limits,
          allowance,
          scan: true,
          acceptAnyAudio: false,
          extras: [],
          scanFrames: 1,
        }),
        time,
      ),
  }
}
