/**
 * Classifies images with the model, in a separate engine process. Manages batches, the queue, and readiness.
 */

import { type Failure, fail, isFailure } from '@media-proxy/shared/response/failure.ts'
import { abortFailure } from '../concurrency/wait.ts'
import type { EngineProcess, JobOutput } from '../engine/engine-process.ts'
import { createPool, type Pool } from '../engine/pool.ts'
import { CLASSES, MODEL_IMAGE_BYTES } from '../engine/scan-model.ts'
import type { Log } from '../telemetry/log.ts'
import type { Predictions } from './score.ts'

export interface ClassifierOptions {
  /** Starts the process that runs the model. */
  readonly start: () => EngineProcess
  /** The name of the model in the log and in failures. */
  readonly model: string
  /** The maximum number of waiting sources. Further scans are rejected at once. */
  readonly queue: number
  readonly log: Log
  /** The maximum time for one batch, in milliseconds, before its process is considered stuck. */
  readonly batchTimeoutMs?: number
}

/** Classifies images in a separate process. */
export interface Classifier {
  /** Resolves once the model is loaded (undefined) or has turned out to be unusable (`not-ready`). */
  readonly loaded: Promise<Failure | undefined>
  /** The reason why nothing can be scanned now. Undefined when scanning works. */
  readonly fault: Failure | undefined
  /** The number of sources that wait for the process. */
  readonly waiting: number
  readonly pids: readonly number[]
  /**
   * Returns the predictions for consecutive images of `MODEL_IMAGE_BYTES` of RGB each. Fails with
   * `not-ready`, `overloaded`, `scan-failed`, `deadline` or `client-gone`.
   */
  classify(images: Uint8Array, signal: AbortSignal): Promise<readonly Predictions[] | Failure>
  /** Calls `onBatch` with the number of images of each batch that is sent to the process. */
  watchBatches(onBatch: (images: number) => void): void
  /** Ends the process. Waiting tasks fail with `not-ready`. */
  close(): Promise<void>
}

interface Task {
  readonly images: Uint8Array
  readonly settle: (result: readonly Predictions[] | Failure) => void
}

/** Larger batches are not faster on a CPU, and every task of a batch waits for all of it. */
const MAX_BATCH_BYTES = 4 * MODEL_IMAGE_BYTES
const BATCH_TIMEOUT_MS = 30_000
/** About the time that a full queue of the default length takes. */
const RETRY_AFTER = { 'retry-after': '1' }
/** The memory of the session does not grow. The process is replaced before other leaks matter. */
const RENEW_AFTER_JOBS = 100_000

export function createClassifier(options: ClassifierOptions): Classifier {
  return new BatchingClassifier(options)
}

/** Queues the tasks and sends them to the process in batches. */
class BatchingClassifier implements Classifier {
  readonly loaded: Promise<Failure | undefined>
  readonly #options: ClassifierOptions
  readonly #pool: Pool
  readonly #waiting = new Set<Task>()
  readonly #watchers = new Set<(images: number) => void>()
  readonly #closing = new AbortController()
  readonly #resolveLoaded: (fault: Failure | undefined) => void
  #fault: Failure | undefined = fail('not-ready', 'the model is being loaded')
  #everLoaded = false
  #working = false

  constructor(options: ClassifierOptions) {
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<Failure | undefined>()
    this.loaded = promise
    this.#resolveLoaded = resolve
    this.#pool = createPool({
      start: options.start,
      warm: 1,
      max: 1,
      renewAfterJobs: RENEW_AFTER_JOBS,
      renewAfterBytes: Number.POSITIVE_INFINITY,
      onReady: () => this.#setReady(),
      onEnd: ({ cause }) => this.#setLost(cause.kind === 'crashed' ? cause.detail : cause.kind),
    })
  }

  get fault(): Failure | undefined {
    return this.#fault
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get pids(): readonly number[] {
    return this.#pool.pids
  }

  async classify(images: Uint8Array, signal: AbortSignal): Promise<readonly Predictions[] | Failure> {
    if (signal.aborted) return abortFailure(signal)
    if (images.length % MODEL_IMAGE_BYTES !== 0)
      throw new RangeError(`an image for the model has to have ${MODEL_IMAGE_BYTES} bytes`)
    if (this.#fault !== undefined && (this.#pool.closed || this.#closing.signal.aborted)) return this.#fault
    if (this.waiting >= this.#options.queue)
      return fail('overloaded', `${this.waiting} scans waiting`, RETRY_AFTER)
    const { promise, resolve } = Promise.withResolvers<readonly Predictions[] | Failure>()
    const task: Task = { images, settle: resolve }
    const onAbort = () => {
      this.#waiting.delete(task)
      resolve(abortFailure(signal))
    }
    this.#waiting.add(task)
    signal.addEventListener('abort', onAbort, { once: true })
    void this.#work()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  watchBatches(onBatch: (images: number) => void): void {
    this.#watchers.add(onBatch)
  }

  async close(): Promise<void> {
    this.#fault = fail('not-ready', 'closed')
    this.#closing.abort()
    this.#resolveLoaded(this.#fault)
    this.#failAll(this.#fault)
    await this.#pool.close()
  }

  #setReady(): void {
    this.#fault = undefined
    if (!this.#everLoaded) this.#options.log.info({ model: this.#options.model }, 'the NSFW model is loaded')
    this.#everLoaded = true
    this.#resolveLoaded(undefined)
  }

  #setLost(detail: string): void {
    const { log, model } = this.#options
    if (this.#everLoaded) {
      this.#fault = fail('not-ready', 'the scanning process starts again')
      log.warn({ reason: detail }, 'the scanning process ended and is started again')
      return
    }
    // A model that cannot be used now will not work a second later. An operator has to intervene.
    this.#fault = fail('not-ready', `NSFW model ${model}: ${detail}`)
    this.#resolveLoaded(this.#fault)
    this.#failAll(this.#fault)
    void this.#pool.close()
  }

  async #work(): Promise<void> {
    if (this.#working) return
    this.#working = true
    try {
      while (this.#waiting.size > 0) {
        const process = await this.#pool.take(this.#closing.signal)
        if (process === undefined) return this.#failAll(this.#fault ?? fail('not-ready'))
        try {
          const tasks = this.#takeBatch()
          if (tasks.length > 0) await this.#runBatch(process, tasks)
        } finally {
          this.#pool.release(process)
        }
      }
    } finally {
      this.#working = false
    }
  }

  async #runBatch(process: EngineProcess, tasks: readonly Task[]): Promise<void> {
    const { log, batchTimeoutMs = BATCH_TIMEOUT_MS } = this.#options
    const images =
      tasks.length === 1 && tasks[0] ? tasks[0].images : Buffer.concat(tasks.map((task) => task.images))
    for (const onBatch of this.#watchers) onBatch(images.length / MODEL_IMAGE_BYTES)
    const timer = setTimeout(() => {
      log.error({ batchTimeoutMs }, 'the scanning process is stuck')
      process.kill('deadline')
    }, batchTimeoutMs)
    const ended = await process.run({ kind: 'scan' }, { body: images }).finally(() => clearTimeout(timer))
    const result = predictionsOf(ended, images.length / MODEL_IMAGE_BYTES)
    if (isFailure(result)) log.error({ detail: result.detail }, 'a scan failed')
    let at = 0
    for (const task of tasks) {
      const count = task.images.length / MODEL_IMAGE_BYTES
      task.settle(isFailure(result) ? result : result.slice(at, at + count))
      at += count
    }
  }

  #takeBatch(): readonly Task[] {
    const tasks: Task[] = []
    let bytes = 0
    for (const task of this.#waiting) {
      if (tasks.length > 0 && bytes + task.images.length > MAX_BATCH_BYTES) break
      this.#waiting.delete(task)
      tasks.push(task)
      bytes += task.images.length
    }
    return tasks
  }

  #failAll(failure: Failure): void {
    for (const task of this.#waiting) task.settle(failure)
    this.#waiting.clear()
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
    return fail('scan-failed', 'not as many predictions as images')
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
