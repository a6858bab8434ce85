/**
 * What the server asks of the engine: admission, a process, a job with an end that always comes, and what became of it
 * as a value. A source that ended a process is remembered for a while, and refused at once.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import type { Lane } from '../concurrency/lane.ts'
import { abortFailure } from '../concurrency/wait.ts'
import { mayBeDear } from '../media/dear-svg.ts'
import type { MediaKind } from '../media/kinds.ts'
import type { SourceLimits } from '../media/limits.ts'
import type { Source } from '../source/bytes/source.ts'
import type { EngineProcess, JobInput, JobOutput, ProcessEnd } from './engine-process.ts'
import type { Cost, Job, ResultOf } from './jobs.ts'
import { type EngineLanes, SMALL_JOB, VIDEO_JOB } from './lanes.ts'
import type { Pool } from './pool.ts'
import type { RenderOptions } from './render-options.ts'

export interface EngineOptions {
  readonly pools: EnginePools
  readonly lanes: EngineLanes
  readonly limits: SourceLimits
  /** Most that one job may cost; what is predicted to cost more is refused before it begins. */
  readonly mostCost: Cost
  readonly events: EngineEvents
}

/**
 * Processes for what is over soon, and processes of lower priority for the rest: a crowd of files that are dear to open
 * keeps nobody's avatar waiting.
 */
export interface EnginePools {
  readonly quick: Pool
  readonly heavy: Pool
}

/** What is told of the engine's work; a kind of job, never a name. */
export interface EngineEvents {
  /** A job took so long, ended so, and cost so much processor time. */
  onJob(kind: Job['kind'], outcome: string, seconds: number, cpuSeconds: number): void
  /** A process ended while it had a job, for another reason than the server's own. */
  onLost(kind: Job['kind'], detail: string): void
}

export interface JobTime {
  /** Fires when nobody waits for the result any more, or at the deadline. */
  readonly signal: AbortSignal
  /** Work that would still be waiting when this time is over is refused at once. */
  readonly timeLeftMs: number
}

export interface Rendered {
  readonly format: Extract<ResultOf<'render'>, { readonly kind: 'rendered' }>['format']
  readonly bytes: Uint8Array
}

export interface Examined
  extends Omit<Extract<ResultOf<'examine'>, { kind: 'examined' }>, 'kind' | 'format'> {
  readonly format: MediaKind['format']
  /** Pictures for the model, one after the other; empty where no scan was asked for, or there is nothing to see. */
  readonly pictures: Uint8Array
}

export interface FrameFile {
  readonly timestampSeconds: number
  readonly mime: string
  readonly bytes: Uint8Array
}

/** All fail as the source does, with `too-large-dimensions`, `overloaded`, `deadline`, `client-gone` or `not-ready`. */
export interface Engine {
  /** Makes a rendition. */
  render(source: Source, options: RenderOptions, time: JobTime): Promise<Rendered | Failure>
  /** Tells what a source is; with `scan` also what the model is to see of it. */
  examine(source: Source, scan: boolean, time: JobTime): Promise<Examined | Failure>
  /** Three frames of what moves; a still picture as it is. */
  readFrames(source: Source, time: JobTime): Promise<readonly FrameFile[] | Failure>
  /** Why a job would be refused now, if so much more than what waits is on its way. */
  refusal(kind: 'image' | 'video', underWay: number): Failure | undefined
}

/** By its first bytes, in the heavy lane, by its header, and once more where the two differ. */
const MOST_ROUNDS = 4
/** Reading a header takes milliseconds; one that takes so long was made to. */
const HEADER_CPU_SECONDS = 2
/** What is not over so soon goes on (from its start) where it is in nobody's way. */
const QUICK_CPU_SECONDS = 0.15
/** How much longer than predicted a job may take. */
const CPU_MARGIN = 2
/** What a header is admitted with that takes long: nobody knows what it builds in memory. */
const SLOW_HEADER_BYTES = 384 * 1024 * 1024
/** A job that nobody waits for any more is ended where it would take longer than to start a process. */
const RESTART_COST_MS = 150
const REMEMBERED_SOURCES = 1000
const REMEMBERED_MS = 600_000
const RETRY_AFTER = { 'retry-after': '1' }

type SourceJob = Extract<Job, { readonly source: unknown; readonly allowance: unknown }>

export function createEngine({ pools, lanes, limits, mostCost, events }: EngineOptions): Engine {
  const refusedSources = new LRUCache<string, Failure>({ max: REMEMBERED_SOURCES, ttl: REMEMBERED_MS })
  const slowSources = new LRUCache<string, true>({ max: REMEMBERED_SOURCES, ttl: REMEMBERED_MS })
  const quickWay: Way = {
    ...{ lane: lanes.small, pool: pools.quick, allowance: SMALL_JOB, weightBytes: 0 },
    ...{ headerCpuSeconds: QUICK_CPU_SECONDS, isQuick: true },
  }
  const videoWay: Way = {
    ...{ lane: lanes.videos, pool: pools.heavy, allowance: VIDEO_JOB, weightBytes: 0 },
    ...{ headerCpuSeconds: HEADER_CPU_SECONDS, isQuick: false },
  }
  const heavyWay = (allowance: Cost, weightBytes: number): Way => ({
    ...{ lane: lanes.large, pool: pools.heavy, allowance, weightBytes },
    ...{ headerCpuSeconds: HEADER_CPU_SECONDS, isQuick: false },
  })

  /** Runs a job on a source: at once where it is cheap, else once its predicted cost is admitted. */
  async function runOnSource<J extends SourceJob>(
    source: Source,
    jobOf: (allowance: Cost) => J,
    time: JobTime,
  ): Promise<JobOutput<J['kind']> | Failure> {
    const name = `${source.key}\n${source.info.etag}`
    const known = refusedSources.get(name)
    if (known !== undefined) return known
    let way = firstWay(source, name)
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const ended = await runInLane(way, jobOf(way.allowance), source, time)
      if (ended === TOO_SLOW) {
        slowSources.set(name, true)
        way = heavyWay(SMALL_JOB, SLOW_HEADER_BYTES)
        continue
      }
      if (isFailure(ended)) return remembered(name, ended)
      const { result } = ended
      if (!isDeferred(result)) return ended
      const { cost } = result
      if (cost.memoryBytes > mostCost.memoryBytes || cost.cpuSeconds > mostCost.cpuSeconds)
        return fail('too-large-dimensions', `predicted ${describeCost(cost)}`)
      way = heavyWay(cost, cost.memoryBytes)
    }
    return fail('defect', 'a job costs more each time than it said')
  }

  /** Where a job begins, by what is known before its header is. */
  function firstWay({ kind, bytes, parts }: Source, name: string): Way {
    if (kind?.kind === 'video' || kind?.kind === 'audio') return videoWay
    if (slowSources.has(name) || (kind?.format === 'svg' && mayBeDear(bytes)))
      return heavyWay(SMALL_JOB, SLOW_HEADER_BYTES)
    // What is not in memory is read first, however long that takes.
    return bytes.length === parts.sizeBytes ? quickWay : heavyWay(SMALL_JOB, SMALL_JOB.memoryBytes)
  }

  function remembered<T>(name: string, outcome: T): T {
    if (isFailure(outcome) && lethal.has(outcome)) refusedSources.set(name, outcome)
    return outcome
  }

  /** Failures of sources that ended their process. */
  const lethal = new WeakSet<Failure>()

  async function runInLane<J extends Job>(
    way: Way,
    job: J,
    source: Source,
    { signal, timeLeftMs }: JobTime,
  ): Promise<JobOutput<J['kind']> | Failure | typeof TOO_SLOW> {
    return way.lane.run(
      signal,
      async () => {
        const process = await way.pool.take(signal)
        if (process === undefined)
          return signal.aborted ? abortFailure(signal) : fail('not-ready', 'the engine is closed')
        try {
          return await runOn(process, job, inputOf(source, signal), signal, way)
        } finally {
          way.pool.release(process)
        }
      },
      { timeLeftMs, weightBytes: way.weightBytes },
    )
  }

  async function runOn<J extends Job>(
    process: EngineProcess,
    job: J,
    input: JobInput,
    signal: AbortSignal,
    way: Way,
  ): Promise<JobOutput<J['kind']> | Failure | typeof TOO_SLOW> {
    const startedAt = performance.now()
    const watch = watchOver(process, signal, way.headerCpuSeconds)
    let cpuSeconds = 0
    let outcome = 'error'
    try {
      const ended = await process.run(job, input, watch.extend)
      if ('cause' in ended) {
        cpuSeconds = ended.cpuSeconds ?? 0
        if (way.isQuick && ended.cause.kind === 'killed' && ended.cause.reason === 'cpu') {
          outcome = 'too-slow'
          return TOO_SLOW
        }
        const failure = failureOf(ended, job.kind, signal)
        outcome = failure.code
        return failure
      }
      cpuSeconds = ended.usedCpuSeconds
      const { result } = ended
      outcome = isFailure(result) ? result.code : 'ok'
      return isFailure(result) ? result : ended
    } finally {
      watch.end()
      // Whatever was thrown, a process that still has a job is of no use to the next one.
      if (outcome === 'error') process.kill('abandoned')
      events.onJob(job.kind, outcome, (performance.now() - startedAt) / 1000, cpuSeconds)
    }
  }

  function failureOf({ cause }: ProcessEnd, kind: Job['kind'], signal: AbortSignal): Failure {
    switch (cause.kind) {
      case 'killed-from-outside':
        events.onLost(kind, 'killed from outside')
        return fail('overloaded', 'the process was killed', RETRY_AFTER)
      case 'crashed': {
        events.onLost(kind, cause.detail)
        const failure = fail('undecodable', `it ended its process: ${cause.detail}`.slice(0, 300))
        lethal.add(failure)
        return failure
      }
      case 'killed': {
        if (cause.reason === 'cpu') {
          const failure = fail('too-large-dimensions', 'more processor time than was admitted')
          lethal.add(failure)
          events.onLost(kind, 'more processor time than was admitted')
          return failure
        }
        if (signal.aborted) return abortFailure(signal)
        return fail('not-ready', `the process was ended: ${cause.reason}`)
      }
    }
  }

  return {
    async render(source, options, time) {
      const ended = await runOnSource(
        source,
        (allowance) => ({ kind: 'render', source: jobSource(source), limits, options, allowance }),
        time,
      )
      if (isFailure(ended)) return ended
      const { result, body } = ended
      if (isFailure(result)) return result
      if (result.kind !== 'rendered') return fail('defect', result.kind)
      if (!result.untouched) return { format: result.format, bytes: body }
      const bytes = await wholeOf(source)
      return isFailure(bytes) ? bytes : { format: result.format, bytes }
    },

    async examine(source, scan, time) {
      const ended = await runOnSource(
        source,
        (allowance) => ({ kind: 'examine', source: jobSource(source), limits, scan, allowance }),
        time,
      )
      if (isFailure(ended)) return ended
      const { result, body } = ended
      if (isFailure(result)) return result
      if (result.kind !== 'examined') return fail('defect', result.kind)
      const { kind: _, ...examined } = result
      return { ...examined, pictures: body }
    },

    async readFrames(source, time) {
      const ended = await runOnSource(
        source,
        (allowance) => ({ kind: 'frames', source: jobSource(source), limits, allowance }),
        time,
      )
      if (isFailure(ended)) return ended
      const { result, body } = ended
      if (isFailure(result)) return result
      if (result.kind !== 'frames') return fail('defect', result.kind)
      let at = 0
      return result.frames.map(({ timestampSeconds, mime, bytes }) => {
        at += bytes
        return { timestampSeconds, mime, bytes: body.subarray(at - bytes, at) }
      })
    },

    refusal: (kind, underWay) => (kind === 'video' ? lanes.videos : lanes.small).refusal(underWay),
  }
}

function isDeferred(result: ResultOf<Job['kind']>): result is Extract<typeof result, { kind: 'deferred' }> {
  return !isFailure(result) && result.kind === 'deferred'
}

function jobSource({ kind, bytes, parts }: Source) {
  return {
    format: kind?.format ?? null,
    sizeBytes: parts.sizeBytes,
    whole: bytes.length === parts.sizeBytes,
  }
}

function inputOf({ bytes, parts }: Source, signal: AbortSignal): JobInput {
  if (bytes.length === parts.sizeBytes) return { body: bytes }
  return {
    body: NOTHING,
    async read(start, end) {
      try {
        return await parts.read(start, end)
      } catch (error) {
        if (signal.aborted) return abortFailure(signal)
        return fail('store-unreachable', error instanceof Error ? error.message : String(error))
      }
    },
  }
}

const NOTHING = new Uint8Array()

async function wholeOf({ bytes, parts }: Source): Promise<Uint8Array | Failure> {
  return bytes.length === parts.sizeBytes ? bytes : parts.read(0, parts.sizeBytes)
}

function describeCost({ memoryBytes, cpuSeconds }: Cost): string {
  return `${Math.ceil(memoryBytes / 2 ** 20)} MiB, ${cpuSeconds.toFixed(1)} s`
}

/** The way of a job to a process. */
interface Way {
  readonly lane: Lane
  readonly pool: Pool
  readonly allowance: Cost
  readonly weightBytes: number
  /** Processor time until the header is read, and for all of a job that says nothing of its cost. */
  readonly headerCpuSeconds: number
  /** A job that takes longer is begun again elsewhere, instead of being refused. */
  readonly isQuick: boolean
}

/** A job of the quick lane was none. */
const TOO_SLOW = Symbol('too slow')

interface Watch {
  /** Tells of a predicted cost: the process gets the time for it. */
  readonly extend: (cost: Cost) => void
  end(): void
}

/**
 * Ends a process at the limit of its job's processor time, at the deadline, and when nobody waits any more. Processor
 * time, and not time on the wall, is what a source is judged by: on a busy machine everything takes long.
 */
function watchOver(process: EngineProcess, signal: AbortSignal, headerCpuSeconds: number): Watch {
  const startedAt = performance.now()
  let limitSeconds = headerCpuSeconds
  let timer: NodeJS.Timeout | undefined
  const check = () => {
    const used = process.cpuSeconds() ?? (performance.now() - startedAt) / 1000
    if (used >= limitSeconds) process.kill('cpu')
    else arm(limitSeconds - used)
  }
  const arm = (seconds: number) => {
    timer = setTimeout(check, Math.max(50, seconds * 1000))
    timer.unref()
  }
  const onAbort = () => {
    const timedOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
    const left = timedOut ? 0 : RESTART_COST_MS - (performance.now() - startedAt)
    clearTimeout(timer)
    if (left <= 0) process.kill(timedOut ? 'deadline' : 'abandoned')
    else timer = setTimeout(() => process.kill('abandoned'), left)
  }
  arm(limitSeconds)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    extend(cost) {
      limitSeconds = Math.max(headerCpuSeconds, CPU_MARGIN * cost.cpuSeconds)
    },
    end() {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}
