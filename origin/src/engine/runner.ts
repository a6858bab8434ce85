/** Runs jobs on a source: admits each job, gives it a process, and returns every outcome as a value. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { LRUCache } from 'lru-cache'
import { abortFailure } from '../concurrency/wait.ts'
import type { Source } from '../source/bytes/source.ts'
import { type Crash, createCrashHistory } from './crash-history.ts'
import type { EngineProcess, JobInput, JobOutput } from './engine-process.ts'
import type { JobClass, JobClasses } from './job-classes.ts'
import { fingerprintOf } from './job-fingerprint.ts'
import type { BytesLocation, Cost, Job, ResultOf, Sharing, SourceJob } from './jobs.ts'
import type { ProcessEnd } from './process-end.ts'
import { watchOver } from './watch.ts'

export interface JobTime {
  /** Fires when no caller waits for the result any more, or at the deadline. */
  readonly signal: AbortSignal
  /** A job that would still be queued after this time, in milliseconds, is rejected at once. */
  readonly timeLeftMs: number
  /** Whether another job on the same source follows this one. */
  readonly isFollowed?: boolean
}

/**
 * Reports the engine's work to logs and metrics. A job is identified by its kind, never by the name of its
 * source.
 */
export interface EngineEvents {
  /** A job ended: its outcome, its duration, and its CPU time. */
  onJob(kind: Job['kind'], outcome: string, seconds: number, cpuSeconds: number): void
  /** A process ended during a job, for a reason other than the server's own. */
  onLost(kind: Job['kind'], detail: string): void
}

export interface RunnerOptions {
  readonly classes: JobClasses
  /** The largest cost of one job. A job that is predicted to cost more is rejected before it starts. */
  readonly maxCost: Cost
  readonly events: EngineEvents
}

/**
 * Runs a job on a source. A cheap job runs at once, others once their predicted cost is admitted. The job
 * that `jobOf` returns starts at once; `sharing` states whether other jobs on the same source are waiting.
 */
export type Runner = <J extends SourceJob>(
  source: Source,
  jobOf: (allowance: Cost, sharing: Sharing) => J,
  time: JobTime,
  work?: 'clip',
) => Promise<JobOutput<J['kind']> | Failure>

/**
 * The largest number of attempts of one job: by its first bytes, in the heavy lane, at the cost that its
 * header predicts, and once more when that prediction changes.
 */
const MAX_ATTEMPTS = 4
const REMEMBERED_SOURCES = 1000
const REMEMBERED_MS = 600_000

/**
 * Creates a runner. It remembers work that ended its process, and rejects it at once for a while. Jobs on a
 * source that took long start in the slow class.
 */
export function createRunner({ classes, maxCost, events }: RunnerOptions): Runner {
  const crashes = createCrashHistory()
  const slowSources = new LRUCache<string, true>({ max: REMEMBERED_SOURCES, ttl: REMEMBERED_MS })
  const waiting = createWaitingJobs()
  const ids = new LRUCache<string, number>({ max: REMEMBERED_SOURCES })
  let lastId = 0
  const idOf = (name: string) => {
    const id = ids.get(name) ?? ++lastId
    ids.set(name, id)
    return id
  }
  return async (source, jobOf, time, work) => {
    const name = `${source.key}\n${source.info.etag}`
    let jobClass = work === 'clip' ? classes.clip : classes.first(source, slowSources.has(name))
    const id = idOf(name)
    const fingerprint = fingerprintOf(jobOf(jobClass.allowance, { id, shared: false }))
    const known = crashes.rejection(name, fingerprint)
    if (known !== undefined) return known
    for (let round = 0; round < MAX_ATTEMPTS; round += 1) {
      const ended = await runInLane(jobClass, { jobOf, source, id, time }, { events, waiting })
      if ('rejected' in ended) return ended.rejected
      if ('crash' in ended) {
        crashes.remember(name, fingerprint, ended.crash)
        return ended.crash.failure
      }
      if ('tooSlow' in ended) {
        slowSources.set(name, true)
        jobClass = classes.slow
        continue
      }
      const { result } = ended.output
      if (!isDeferred(result)) return ended.output
      const { cost } = result
      if (cost.memoryBytes > maxCost.memoryBytes || cost.cpuSeconds > maxCost.cpuSeconds)
        return fail('too-large-dimensions', `predicted ${describeCost(cost)}`)
      jobClass = classes.admitted(cost, source)
    }
    return fail('defect', 'the predicted cost of a job grows at each attempt')
  }
}

/** How a job ended. */
type Ended<Kind extends Job['kind']> =
  | { readonly output: JobOutput<Kind> }
  /** A failure that is not the source's fault, or that the job itself returned. */
  | { readonly rejected: Failure }
  /** The job ended its process. */
  | { readonly crash: Crash }
  /** The job exceeded the time of the quick class. */
  | { readonly tooSlow: true }

/** A job on a source, before it has a process. */
interface SourceWork<J extends SourceJob> {
  readonly jobOf: (allowance: Cost, sharing: Sharing) => J
  readonly source: Source
  /** The number of the source. */
  readonly id: number
  readonly time: JobTime
}

async function runInLane<J extends SourceJob>(
  jobClass: JobClass,
  { jobOf, source, id, time }: SourceWork<J>,
  { events, waiting }: { readonly events: EngineEvents; readonly waiting: WaitingJobs },
): Promise<Ended<J['kind']>> {
  const { lane, pool, weightBytes } = jobClass
  const { signal, timeLeftMs, isFollowed = false } = time
  const leave = waiting.join(id)
  const slot = await lane.acquire(signal, { timeLeftMs, weightBytes, yieldMs: yieldOf(source) })
  if (isFailure(slot)) {
    leave()
    return { rejected: slot }
  }
  try {
    const process = await pool.take(signal, id).finally(leave)
    if (process === undefined)
      return { rejected: signal.aborted ? abortFailure(signal) : fail('not-ready', 'the engine is closed') }
    try {
      const job = jobOf(jobClass.allowance, { id, shared: isFollowed || waiting.has(id) })
      return await runOn(process, job, { jobClass, source, signal, events })
    } finally {
      pool.release(process)
    }
  } finally {
    slot.release()
  }
}

/**
 * Returns by how much a job on a source yields to shorter ones, in milliseconds. Before the header is read, the
 * size of the file is the only hint at the work. Files of about the same size take turns.
 */
function yieldOf({ parts }: Source): number {
  return Math.min(MAX_YIELD_MS, parts.sizeBytes / BYTES_PER_YIELDED_MS)
}

const MAX_YIELD_MS = 1000
/**
 * A photograph of 2.5 MB yields for a second, an avatar of 50 KB for a fiftieth of it. Strictly by size, half of
 * all requests waited half as long, but one in a hundred six times as long.
 */
const BYTES_PER_YIELDED_MS = 2500

/** Counts the waiting jobs of each source. */
interface WaitingJobs {
  /** Counts a waiting job. The caller calls the returned function when the job no longer waits. */
  join(sourceId: number): () => void
  has(sourceId: number): boolean
}

function createWaitingJobs(): WaitingJobs {
  const sizes = new Map<number, number>()
  return {
    join(sourceId) {
      sizes.set(sourceId, (sizes.get(sourceId) ?? 0) + 1)
      return () => {
        const left = (sizes.get(sourceId) ?? 0) - 1
        if (left > 0) sizes.set(sourceId, left)
        else sizes.delete(sourceId)
      }
    },
    has: (sourceId) => sizes.has(sourceId),
  }
}

interface RunOptions {
  readonly jobClass: JobClass
  readonly source: Source
  readonly signal: AbortSignal
  readonly events: EngineEvents
}

async function runOn<J extends SourceJob>(
  process: EngineProcess,
  job: J,
  { jobClass, source, signal, events }: RunOptions,
): Promise<Ended<J['kind']>> {
  const startedAt = performance.now()
  const watch = watchOver(process, signal, jobClass)
  let cpuSeconds = 0
  let outcome = 'error'
  let inspected = false
  const onInspected = (cost: Cost) => {
    inspected = true
    watch.extend(cost)
  }
  try {
    const input = inputOf(source, job.source.location, signal)
    const ended = await process.run(job, input, onInspected)
    if ('cause' in ended) {
      cpuSeconds = ended.cpuSeconds ?? 0
      const reported = classifyEnd(ended, jobClass, signal)
      outcome =
        'tooSlow' in reported ? 'too-slow' : ('crash' in reported ? reported.crash : reported.rejected).code
      if ('lost' in reported) events.onLost(job.kind, reported.lost)
      if (!('crash' in reported)) return reported
      return { crash: { failure: reported.crash, inspected, threw: reported.threw === true } }
    }
    cpuSeconds = ended.usedCpuSeconds
    const { result } = ended
    outcome = isFailure(result) ? result.code : 'ok'
    return isFailure(result) ? { rejected: result } : { output: ended }
  } finally {
    watch.end()
    // After an exception the process may still have a job, so the next job cannot use it.
    if (outcome === 'error') process.kill('abandoned')
    events.onJob(job.kind, outcome, (performance.now() - startedAt) / 1000, cpuSeconds)
  }
}

type Reported =
  | { readonly rejected: Failure }
  | { readonly crash: Failure; readonly threw?: true }
  | { readonly tooSlow: true }

const RETRY_AFTER = { 'retry-after': '1' }
const CPU_LIMIT_EXCEEDED = 'more processor time than was admitted'

/** Derives the outcome of a job from the end of its process. `lost` is the message for the operator. */
function classifyEnd(
  { cause }: ProcessEnd,
  { isQuick }: JobClass,
  signal: AbortSignal,
): Reported & { readonly lost?: string } {
  switch (cause.kind) {
    case 'killed-from-outside':
      return {
        rejected: fail('overloaded', 'the process was killed', RETRY_AFTER),
        lost: 'killed from outside',
      }
    case 'crashed':
      // An uncaught error is a fault of this code, and says nothing about the file.
      if (cause.threw) {
        const defect = fail('defect', `it threw: ${cause.detail}`.slice(0, 300))
        return { crash: defect, threw: true, lost: cause.detail }
      }
      return {
        crash: fail('undecodable', `it ended its process: ${cause.detail}`.slice(0, 300)),
        lost: cause.detail,
      }
    case 'killed': {
      if (cause.reason === 'cpu')
        return isQuick
          ? { tooSlow: true }
          : { crash: fail('too-large-dimensions', CPU_LIMIT_EXCEEDED), lost: CPU_LIMIT_EXCEEDED }
      if (signal.aborted) return { rejected: abortFailure(signal) }
      return { rejected: fail('not-ready', `the process was ended: ${cause.reason}`) }
    }
  }
}

function isDeferred(result: ResultOf<Job['kind']>): result is Extract<typeof result, { kind: 'deferred' }> {
  return !isFailure(result) && result.kind === 'deferred'
}

function inputOf(source: Source, location: BytesLocation, signal: AbortSignal): JobInput {
  const { bytes } = source
  if (location === 'body') return { body: bytes }
  if (location === 'memory')
    return { body: NOTHING, read: (start, end) => Promise.resolve(bytes.subarray(start, end)) }
  return {
    body: NOTHING,
    freesRanges: true,
    async read(start, end) {
      try {
        return await source.parts.read(start, end)
      } catch (error) {
        if (signal.aborted) return abortFailure(signal)
        return fail('store-unreachable', error instanceof Error ? error.message : String(error))
      }
    },
  }
}

const NOTHING = new Uint8Array()

function describeCost({ memoryBytes, cpuSeconds }: Cost): string {
  return `${Math.ceil(memoryBytes / 2 ** 20)} MiB, ${cpuSeconds.toFixed(1)} s`
}
