/** Has pictures looked at by the model, in an engine process of its own: batches, a queue, and its readiness. */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { abortFailure } from '../concurrency/wait.ts'
import type { EngineProcess, JobOutput } from '../engine/engine-process.ts'
import { createPool } from '../engine/pool.ts'
import { CLASSES, MODEL_PICTURE_BYTES } from '../engine/scan-model.ts'
import type { Log } from '../telemetry/log.ts'
import type { Predictions } from './score.ts'

export interface ClassifierOptions {
  /** Starts the process that holds the model. */
  readonly start: () => EngineProcess
  /** What the log and failures call the model. */
  readonly model: string
  /** Sources that may wait; beyond it a scan is refused at once. */
  readonly queue: number
  readonly log: Log
  /** Longest time one batch may take, in milliseconds, before its process counts as stuck. */
  readonly batchTimeoutMs?: number
}

/** Scans pictures in a process of its own. */
export interface Classifier {
  /** Settles once the model is loaded (undefined) or turned out not to be usable (`not-ready`). */
  readonly loaded: Promise<Failure | undefined>
  /** Why nothing can be scanned now; undefined where all is well. */
  readonly fault: Failure | undefined
  /** Sources that wait for the process. */
  readonly waiting: number
  readonly pids: readonly number[]
  /**
   * The predictions of pictures of `MODEL_PICTURE_BYTES` of RGB, one after the other. Fails with `not-ready`,
   * `overloaded`, `scan-failed`, `deadline` or `client-gone`.
   */
  classify(pictures: Uint8Array, signal: AbortSignal): Promise<readonly Predictions[] | Failure>
  /** Calls with the number of pictures of each batch that is given to the process. */
  watchBatches(onBatch: (pictures: number) => void): void
  /** Ends the process; whatever waits fails with `not-ready`. */
  close(): Promise<void>
}

interface Task {
  readonly pictures: Uint8Array
  readonly settle: (result: readonly Predictions[] | Failure) => void
}

/** More pictures at once make nothing faster on a processor, but everybody in the batch waits for all of it. */
const MAX_BATCH_BYTES = 4 * MODEL_PICTURE_BYTES
const BATCH_TIMEOUT_MS = 30_000
/** About what a full queue of the default length takes. */
const RETRY_AFTER = { 'retry-after': '1' }
/** The session's memory does not grow; a process is renewed before what else it leaks counts. */
const RENEW_AFTER_JOBS = 100_000

export function createClassifier(options: ClassifierOptions): Classifier {
  const { model, queue, log, batchTimeoutMs = BATCH_TIMEOUT_MS } = options
  const waiting = new Set<Task>()
  const watchers = new Set<(pictures: number) => void>()
  const { promise: loaded, resolve: resolveLoaded } = Promise.withResolvers<Failure | undefined>()
  const closing = new AbortController()
  let fault: Failure | undefined = fail('not-ready', 'the model is being loaded')
  let everLoaded = false
  let working = false

  const pool = createPool({
    start: options.start,
    warm: 1,
    most: 1,
    renewAfterJobs: RENEW_AFTER_JOBS,
    renewAfterBytes: Number.POSITIVE_INFINITY,
    idleMs: Number.MAX_SAFE_INTEGER,
    onReady() {
      fault = undefined
      if (!everLoaded) log.info({ model }, 'the NSFW model is loaded')
      everLoaded = true
      resolveLoaded(undefined)
    },
    onEnd({ cause }) {
      const detail = cause.kind === 'crashed' ? cause.detail : cause.kind
      if (everLoaded) {
        fault = fail('not-ready', 'the scanning process starts again')
        log.warn({ reason: detail }, 'the scanning process ended and is started again')
        return
      }
      // What cannot be used now will not be usable in a second: an operator has to look.
      fault = fail('not-ready', `NSFW model ${model}: ${detail}`)
      resolveLoaded(fault)
      failAll(fault)
      void pool.close()
    },
  })

  async function work(): Promise<void> {
    if (working) return
    working = true
    try {
      while (waiting.size > 0) {
        const process = await pool.take(closing.signal)
        if (process === undefined) return failAll(fault ?? fail('not-ready'))
        const tasks = takeBatch()
        if (tasks.length > 0) await runBatch(process, tasks)
        pool.release(process)
      }
    } finally {
      working = false
    }
  }

  async function runBatch(process: EngineProcess, tasks: readonly Task[]): Promise<void> {
    const pictures =
      tasks.length === 1 && tasks[0] ? tasks[0].pictures : Buffer.concat(tasks.map((task) => task.pictures))
    for (const onBatch of watchers) onBatch(pictures.length / MODEL_PICTURE_BYTES)
    const timer = setTimeout(() => {
      log.error({ batchTimeoutMs }, 'the scanning process is stuck')
      process.kill('deadline')
    }, batchTimeoutMs)
    const ended = await process.run({ kind: 'scan' }, { body: pictures })
    clearTimeout(timer)
    const result = predictionsOf(ended, pictures.length / MODEL_PICTURE_BYTES)
    if (isFailure(result)) log.error({ detail: result.detail }, 'a scan failed')
    let at = 0
    for (const task of tasks) {
      const count = task.pictures.length / MODEL_PICTURE_BYTES
      task.settle(isFailure(result) ? result : result.slice(at, at + count))
      at += count
    }
  }

  function takeBatch(): readonly Task[] {
    const tasks: Task[] = []
    let bytes = 0
    for (const task of waiting) {
      if (tasks.length > 0 && bytes + task.pictures.length > MAX_BATCH_BYTES) break
      waiting.delete(task)
      tasks.push(task)
      bytes += task.pictures.length
    }
    return tasks
  }

  function failAll(failure: Failure): void {
    for (const task of waiting) task.settle(failure)
    waiting.clear()
  }

  return {
    loaded,
    get fault() {
      return fault
    },
    get waiting() {
      return waiting.size
    },
    get pids() {
      return pool.pids
    },

    async classify(pictures, signal) {
      if (signal.aborted) return abortFailure(signal)
      if (pictures.length % MODEL_PICTURE_BYTES !== 0)
        throw new RangeError(`a picture for the model has ${MODEL_PICTURE_BYTES} bytes`)
      if (fault !== undefined && (pool.closed || closing.signal.aborted)) return fault
      if (waiting.size >= queue) return fail('overloaded', `${waiting.size} scans waiting`, RETRY_AFTER)
      const { promise, resolve } = Promise.withResolvers<readonly Predictions[] | Failure>()
      const task: Task = { pictures, settle: resolve }
      const onAbort = () => {
        waiting.delete(task)
        resolve(abortFailure(signal))
      }
      waiting.add(task)
      signal.addEventListener('abort', onAbort, { once: true })
      void work()
      try {
        return await promise
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },

    watchBatches(onBatch) {
      watchers.add(onBatch)
    },

    async close() {
      fault = fail('not-ready', 'closed')
      closing.abort()
      resolveLoaded(fault)
      failAll(fault)
      await pool.close()
    },
  }
}

type Ended = Awaited<ReturnType<EngineProcess['run']>> | JobOutput<'scan'>

function predictionsOf(ended: Ended, count: number): readonly Predictions[] | Failure {
  if ('cause' in ended) {
    const { cause } = ended
    return fail(
      'scan-failed',
      cause.kind === 'crashed' ? cause.detail : `the process was ended: ${cause.kind}`,
    )
  }
  const { result } = ended
  if (isFailure(result)) return result
  if (result.kind !== 'scanned' || result.predictions.length !== count * CLASSES.length)
    return fail('scan-failed', 'not as many predictions as pictures')
  const { predictions } = result
  return Array.from({ length: count }, (_, index) => {
    const at = index * CLASSES.length
    const [drawing = 0, hentai = 0, neutral = 0, porn = 0, sexy = 0] = predictions.slice(
      at,
      at + CLASSES.length,
    )
    return { drawing, hentai, neutral, porn, sexy }
  })
}
