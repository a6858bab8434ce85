import { Worker } from 'node:worker_threads'
import { type Failure, fail } from '@media-proxy/shared/response/failure.ts'
import { abortFailure } from '../concurrency/wait.ts'
import { MODEL_PICTURE_BYTES, type ModelOptions } from '../engine/process/scan/model.ts'
import type { WorkerReply } from '../engine/process/scan/worker.ts'
import type { Log } from '../telemetry/log.ts'
import { CLASSES, type Predictions } from './score.ts'

export interface ClassifierOptions {
  readonly model: ModelOptions
  /** Sources that may wait; beyond it a scan is refused at once. */
  readonly queue: number
  readonly log: Log
  /** Longest time one batch may take, in milliseconds, before its thread counts as stuck. */
  readonly batchTimeoutMs?: number
  /** The thread's script, where a fault has to be forced. */
  readonly script?: URL
}

/** Scans pictures on a thread of its own. */
export interface Classifier {
  /** Settles once the model is loaded (undefined) or turned out not to be usable (`not-ready`). */
  readonly loaded: Promise<Failure | undefined>
  /** Why nothing can be scanned now; undefined where all is well. */
  readonly fault: Failure | undefined
  /** Sources that wait for the thread. */
  readonly waiting: number
  /**
   * The predictions of a source's frames, each `MODEL_PICTURE_BYTES` of RGB. Fails with `not-ready`, `overloaded`, `scan-failed`, `deadline` or `client-gone`.
   */
  classify(frames: readonly Uint8Array[], signal: AbortSignal): Promise<readonly Predictions[] | Failure>
  /** Calls with the number of pictures of each batch that is given to the thread. */
  watchBatches(onBatch: (pictures: number) => void): void
  /** Ends the thread; whatever waits fails with `not-ready`. */
  close(): Promise<void>
}

interface Task {
  readonly frames: readonly Uint8Array[]
  readonly settle: (result: readonly Predictions[] | Failure) => void
}

interface Batch {
  readonly tasks: readonly Task[]
}

/** More pictures at once make nothing faster on a processor, but everybody in the batch waits for all of it. */
const MAX_BATCH_PICTURES = 4
/** While one batch is scanned the next lies ready, so that the thread never waits for this one. */
const MAX_BATCHES_UNDER_WAY = 2
const BATCH_TIMEOUT_MS = 30_000
/** About what a full queue of the default length takes. */
const RETRY_AFTER = { 'retry-after': '1' }
const FIRST_RESTART_DELAY_MS = 250
const MAX_RESTART_DELAY_MS = 30_000
const MAX_WORKER_HEAP_MIB = 256

export function createClassifier(options: ClassifierOptions): Classifier {
  const { model, queue, log, batchTimeoutMs = BATCH_TIMEOUT_MS } = options
  const script = options.script ?? new URL('../engine/process/scan/worker.ts', import.meta.url)
  const { promise: loaded, resolve: resolveLoaded } = Promise.withResolvers<Failure | undefined>()
  const waiting = new Set<Task>()
  const watchers = new Set<(pictures: number) => void>()
  let underWay: Batch[] = []
  let worker: Worker | undefined
  let fault: Failure | undefined = fail('not-ready', 'the model is being loaded')
  let unusable = false
  let everLoaded = false
  let closed = false
  let restartDelayMs = FIRST_RESTART_DELAY_MS
  let restartTimer: NodeJS.Timeout | undefined
  let stuckTimer: NodeJS.Timeout | undefined

  function start(): void {
    const started = new Worker(script, {
      workerData: model,
      resourceLimits: { maxOldGenerationSizeMb: MAX_WORKER_HEAP_MIB },
    })
    worker = started
    started.on('message', (reply: WorkerReply) => onReply(reply))
    let reason = 'it ended'
    started.on('error', (error) => {
      reason = error.message
      log.error({ err: error }, 'the scanning thread failed')
    })
    started.once('exit', (code) => onExit(`${reason} (code ${code})`))
  }

  function onReply(reply: WorkerReply): void {
    switch (reply.kind) {
      case 'loaded':
        fault = undefined
        everLoaded = true
        log.info({ model: model.path }, 'the NSFW model is loaded')
        resolveLoaded(undefined)
        feed()
        watch()
        break
      case 'unusable':
        giveUp(reply.detail)
        break
      case 'scanned':
        restartDelayMs = FIRST_RESTART_DELAY_MS
        settleOldest((task, at) => predictionsOf(reply.predictions, at, task.frames.length))
        break
      case 'failed':
        log.error({ detail: reply.detail }, 'a scan failed')
        settleOldest(() => fail('scan-failed', reply.detail))
        break
    }
  }

  /** Replies come in the order of the requests. */
  function settleOldest(resultOf: (task: Task, picture: number) => readonly Predictions[] | Failure): void {
    const batch = underWay.shift()
    let at = 0
    for (const task of batch?.tasks ?? []) {
      task.settle(resultOf(task, at))
      at += task.frames.length
    }
    watch()
    feed()
  }

  /** What cannot be used now will not be usable in a second: an operator has to look. */
  function giveUp(detail: string): void {
    unusable = true
    fault = fail('not-ready', `NSFW model ${model.path}: ${detail}`)
    resolveLoaded(fault)
    failAll(fault)
  }

  function onExit(reason: string): void {
    worker = undefined
    clearTimeout(stuckTimer)
    const lost = underWay
    underWay = []
    for (const { tasks } of lost) for (const task of tasks) task.settle(fail('scan-failed', reason))
    if (closed || unusable) return
    if (!everLoaded) {
      // The runtime itself did not load, as where it has no build for the machine.
      giveUp(reason)
      return
    }
    fault = fail('not-ready', 'the scanning thread starts again')
    log.warn({ reason, inMs: restartDelayMs }, 'the scanning thread ended and is started again')
    restartTimer = setTimeout(start, restartDelayMs)
    restartTimer.unref()
    restartDelayMs = Math.min(MAX_RESTART_DELAY_MS, restartDelayMs * 2)
  }

  function feed(): void {
    while (worker !== undefined && fault === undefined && underWay.length < MAX_BATCHES_UNDER_WAY) {
      const tasks = takeBatch()
      if (tasks.length === 0) return
      const frames = tasks.flatMap((task) => task.frames)
      const pictures = joined(frames)
      for (const onBatch of watchers) onBatch(frames.length)
      underWay.push({ tasks })
      worker.postMessage(pictures, [pictures.buffer])
      if (underWay.length === 1) watch()
    }
  }

  function takeBatch(): readonly Task[] {
    const tasks: Task[] = []
    let pictures = 0
    for (const task of waiting) {
      if (tasks.length > 0 && pictures + task.frames.length > MAX_BATCH_PICTURES) break
      waiting.delete(task)
      tasks.push(task)
      pictures += task.frames.length
    }
    return tasks
  }

  /** A thread that is stuck in one batch is ended; its exit does the rest. One without work keeps nobody alive. */
  function watch(): void {
    clearTimeout(stuckTimer)
    if (underWay.length === 0) {
      worker?.unref()
      return
    }
    worker?.ref()
    stuckTimer = setTimeout(() => {
      log.error({ batchTimeoutMs }, 'the scanning thread is stuck')
      void worker?.terminate()
    }, batchTimeoutMs)
    stuckTimer.unref()
  }

  function failAll(failure: Failure): void {
    for (const task of waiting) task.settle(failure)
    waiting.clear()
  }

  start()
  return {
    loaded,
    get fault() {
      return fault
    },
    get waiting() {
      return waiting.size
    },

    async classify(frames, signal) {
      if (signal.aborted) return abortFailure(signal)
      if (closed || unusable) return fault ?? fail('not-ready')
      if (frames.some((frame) => frame.length !== MODEL_PICTURE_BYTES))
        throw new RangeError(`a picture for the model has ${MODEL_PICTURE_BYTES} bytes`)
      if (waiting.size >= queue) return fail('overloaded', `${waiting.size} scans waiting`, RETRY_AFTER)
      const { promise, resolve } = Promise.withResolvers<readonly Predictions[] | Failure>()
      const task: Task = { frames, settle: resolve }
      const onAbort = () => {
        waiting.delete(task)
        resolve(abortFailure(signal))
      }
      waiting.add(task)
      signal.addEventListener('abort', onAbort, { once: true })
      feed()
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
      closed = true
      fault = fail('not-ready', 'closed')
      clearTimeout(restartTimer)
      clearTimeout(stuckTimer)
      resolveLoaded(fault)
      failAll(fault)
      await worker?.terminate()
    },
  }
}

/** One buffer that holds nothing else: a message carries all that lies behind a view. */
function joined(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(frames.length * MODEL_PICTURE_BYTES)
  for (const [index, frame] of frames.entries()) all.set(frame, index * MODEL_PICTURE_BYTES)
  return all
}

function predictionsOf(all: Float32Array, first: number, count: number): readonly Predictions[] {
  return Array.from({ length: count }, (_, index) => {
    const at = (first + index) * CLASSES.length
    const [drawing = 0, hentai = 0, neutral = 0, porn = 0, sexy = 0] = all.subarray(at, at + CLASSES.length)
    return { drawing, hentai, neutral, porn, sexy }
  })
}
