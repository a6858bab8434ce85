/**
 * Measures the real cost of a render, which its prediction is checked against. Used by tests and benchmarks,
 * on Linux only. Each job runs in a fresh process that has done one job before, so that no job reuses memory
 * that another one left behind.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { MediaFormat } from '../media/kinds.ts'
import type { SourceLimits } from '../media/limits.ts'
import { type EngineProcess, type EngineProcessOptions, startEngineProcess } from './engine-process.ts'
import type { Cost, RenderJob } from './jobs.ts'
import { FULL_SIZE, type RenderOptions } from './render-options.ts'

export interface MeteredSource {
  readonly format: MediaFormat
  readonly bytes: Uint8Array
  /** Whether other jobs on the same source are waiting. */
  readonly shared?: boolean
}

export interface MeteredRender {
  /** The cost that the process predicted, and that it was admitted at. */
  readonly predicted: Cost
  /** The measured cost: the peak of resident memory above that of an idle process, and CPU seconds. */
  readonly used: Cost
  /**
   * The peak of mapped memory above that of an idle process. The kernel's limit counts mapped memory, touched
   * or not.
   */
  readonly mappedBytes: number
  readonly renditionBytes: number
}

/** Some sources are crafted to take minutes. For those the expected result is that the server ends them. */
const LONGEST_MS = 60_000

/**
 * Predicts and runs a render. Returns the failure of a render that cannot be done; `deadline` after a minute.
 */
export async function meterRender(
  process: EngineProcessOptions,
  source: MeteredSource,
  options: RenderOptions,
  limits: SourceLimits,
): Promise<MeteredRender | Failure> {
  const started = startEngineProcess(process)
  const timer = setTimeout(() => started.kill('deadline'), LONGEST_MS)
  try {
    await started.ready
    // Allocates the memory that every process needs once, for its first job.
    await renderOn(started, { format: 'svg', bytes: WARM_UP }, jobOptions(WARM_UP_OPTIONS, limits, ANY_COST))
    const idle = statusOf(started.pid)
    // Resets the peak of resident memory (proc_pid_clear_refs(5)).
    writeFileSync(`/proc/${started.pid}/clear_refs`, '5')
    let predicted = NO_COST
    let done = await renderOn(started, source, jobOptions(options, limits, predicted))
    // A job may predict a larger cost once it has decoded a part.
    while (!isFailure(done.result) && done.result.kind === 'deferred') {
      predicted = done.result.cost
      done = await renderOn(started, source, jobOptions(options, limits, predicted))
    }
    if (isFailure(done.result)) return done.result
    if (predicted === NO_COST) throw new Error('a source that is its own rendition costs nothing')
    const peak = statusOf(started.pid)
    return {
      predicted,
      used: { memoryBytes: peak.peakBytes - idle.residentBytes, cpuSeconds: done.usedCpuSeconds },
      mappedBytes: peak.maxMappedBytes - idle.mappedBytes,
      renditionBytes: done.body.length,
    }
  } finally {
    clearTimeout(timer)
    started.kill('closed')
    await started.ended
  }
}

const WARM_UP = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')
const WARM_UP_OPTIONS: RenderOptions = {
  geometry: FULL_SIZE,
  format: 'webp',
  quality: 80,
  isQualityRequested: true,
  animated: false,
  imagesOnly: false,
}
const NOTHING = new Uint8Array()
const NO_COST: Cost = { memoryBytes: 0, cpuSeconds: 0 }
const ANY_COST: Cost = { memoryBytes: Number.MAX_SAFE_INTEGER, cpuSeconds: Number.MAX_SAFE_INTEGER }

type JobOptions = Pick<RenderJob, 'options' | 'limits' | 'allowance'>

function jobOptions(options: RenderOptions, limits: SourceLimits, allowance: Cost): JobOptions {
  return { options, limits, allowance }
}

async function renderOn(
  process: EngineProcess,
  { format, bytes, shared = false }: MeteredSource,
  options: JobOptions,
) {
  const source = { format, sizeBytes: bytes.length, location: 'body' as const, id: 1, shared }
  const ended = await process.run(
    { kind: 'render', source, renderQuality: 'fine', ...options },
    { body: bytes },
  )
  if (!('cause' in ended)) return ended
  const { cause } = ended
  if (cause.kind === 'killed' && cause.reason === 'deadline')
    return { result: fail('deadline'), body: NOTHING, usedCpuSeconds: Number.NaN }
  throw new Error(`the process ended: ${JSON.stringify(cause)}`)
}

function statusOf(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const bytesOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return {
    residentBytes: bytesOf('VmRSS'),
    peakBytes: bytesOf('VmHWM'),
    mappedBytes: bytesOf('VmSize'),
    maxMappedBytes: bytesOf('VmPeak'),
  }
}
