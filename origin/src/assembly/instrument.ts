/** Wraps the parts of the service with an observer. The parts themselves do not know about it. */

import type { RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import { type Lane, runIn } from '../concurrency/lane.ts'
import type { Engine, EngineEvents } from '../engine/client.ts'
import type { Job } from '../engine/jobs.ts'
import { MODEL_IMAGE_BYTES } from '../engine/scan-model.ts'
import type { Classifier } from '../nsfw/classifier.ts'
import type { Scanner } from '../nsfw/scanner.ts'
import type { ExternalFetch } from '../source/external/fetch.ts'
import type { SourceReader } from '../source/reader.ts'
import type { Log } from '../telemetry/log.ts'
import type { Observer } from '../telemetry/observer.ts'

export function observeStore(store: ObjectStore, observer: Observer): ObjectStore {
  const { metrics } = observer
  const observed = (operation: string) => ({
    span: `store ${operation}`,
    metric: 'media_proxy.store.operation.duration' as const,
    labels: { operation },
  })
  return {
    head: (...args) => observer.observe(observed('head'), () => store.head(...args)),
    async get(...args) {
      const object = await observer.observe(observed('get'), () => store.get(...args))
      if (!isFailure(object)) {
        const { range, info } = object
        const bytes = range === undefined ? (info.sizeBytes ?? 0) : range.end - range.start + 1
        metrics.count('media_proxy.store.read.bytes', {}, bytes)
      }
      return object
    },
    put: (...args) => observer.observe(observed('put'), () => store.put(...args)),
    upload: (...args) => observer.observe(observed('upload'), () => store.upload(...args)),
    removeBelow: (...args) => observer.observe(observed('remove'), () => store.removeBelow(...args)),
    check: (...args) => store.check(...args),
  }
}

export function observeExternal(external: ExternalFetch, observer: Observer): ExternalFetch {
  return {
    open: (...args) =>
      observer.observe({ span: 'external fetch', metric: 'media_proxy.external.request.duration' }, () =>
        external.open(...args),
      ),
    close: () => external.close(),
  }
}

/** Counts the opens of sources as leader or follower of a shared read. */
export function observeSources(reader: SourceReader, { metrics }: Observer): SourceReader {
  return {
    locate: (...args) => reader.locate(...args),
    forget: (names) => reader.forget(names),
    open(location) {
      const handle = reader.open(location)
      metrics.count('media_proxy.source.opens', { role: handle.leader ? 'leader' : 'follower' })
      return handle
    },
  }
}

export function observeClassifier(classifier: Classifier, observer: Observer): Classifier {
  classifier.watchBatches((images) => observer.metrics.record('media_proxy.nsfw.batch.size', images))
  return {
    loaded: classifier.loaded,
    get fault() {
      return classifier.fault
    },
    get waiting() {
      return classifier.waiting
    },
    get pids() {
      return classifier.pids
    },
    classify(images, signal) {
      observer.metrics.count('media_proxy.nsfw.frames', {}, images.length / MODEL_IMAGE_BYTES)
      return classifier.classify(images, signal)
    },
    watchBatches: (onBatch) => classifier.watchBatches(onBatch),
    close: () => classifier.close(),
  }
}

/** Measures the duration of scans, except those whose verdict is cached. */
export function observeScanner(scanner: Scanner, observer: Observer): Scanner {
  return {
    enabled: scanner.enabled,
    known: (contentHash) => scanner.known(contentHash),
    scan(contentHash, media, signal) {
      const scan = () => scanner.scan(contentHash, media, signal)
      if (!scanner.enabled || media.images.length === 0 || scanner.known(contentHash) !== undefined)
        return scan()
      return observer.observe({ span: 'nsfw scan', metric: 'media_proxy.nsfw.scan.duration' }, scan)
    },
  }
}

/** Reports the waiting and running work of lanes, labelled by their names. */
export function watchLanes(lanes: Readonly<Record<string, Lane>>, { metrics }: Observer): void {
  const each = (read: (lane: Lane) => number) => () =>
    Object.entries(lanes).map(([lane, own]) => [read(own), { lane }] as const)
  metrics.watch(
    'media_proxy.admission.waiting',
    each((lane) => lane.waiting),
  )
  metrics.watch(
    'media_proxy.admission.running',
    each((lane) => lane.running),
  )
}

/** Wraps a lane with an observer. `name` is the label of its metrics. */
export function observeLane(lane: Lane, name: string, { metrics, observe }: Observer): Lane {
  const countRejection = ({ code }: Failure) =>
    metrics.count('media_proxy.admission.rejections', { lane: name, failure: code })
  const observed: Lane = {
    async acquire(...args) {
      const startedAt = performance.now()
      const slot = await observe({ span: `queue ${name}` }, () => lane.acquire(...args))
      metrics.record('media_proxy.admission.wait.duration', (performance.now() - startedAt) / 1000, {
        lane: name,
      })
      if (isFailure(slot)) countRejection(slot)
      return slot
    },
    run: (signal, work, admission) => runIn(observed, signal, work, admission),
    tryAcquire: (weightBytes) => lane.tryAcquire(weightBytes),
    rejection(underWay) {
      const rejected = lane.rejection(underWay)
      if (rejected !== undefined) countRejection(rejected)
      return rejected
    },
    get running() {
      return lane.running
    },
    get waiting() {
      return lane.waiting
    },
  }
  return observed
}

export function observeLimiter(limiter: RateLimiter, { metrics }: Observer): RateLimiter {
  return {
    isLimited: (name, path) => limiter.isLimited(name, path),
    async consume(name, ...args) {
      const limited = await limiter.consume(name, ...args)
      if (limited.failure !== undefined) metrics.count('media_proxy.rate_limit.rejections', { budget: name })
      return limited
    },
  }
}

/** Measures the duration of renders, including the wait for admission and for a process. */
export function observeEngine(engine: Engine, observer: Observer): Engine {
  return {
    async render(source, options, time) {
      const input = source.kind?.format ?? 'unknown'
      const startedAt = performance.now()
      const made = await observer.observe({ span: 'render', labels: { input } }, () =>
        engine.render(source, options, time),
      )
      observer.metrics.record('media_proxy.render.duration', (performance.now() - startedAt) / 1000, {
        input,
        output: isFailure(made) ? 'none' : made.format,
        outcome: isFailure(made) ? made.code : 'ok',
      })
      return made
    },
    examine: (...args) => observer.observe({ span: 'examine' }, () => engine.examine(...args)),
    readFrames: (...args) => observer.observe({ span: 'frames' }, () => engine.readFrames(...args)),
    rejection: (...args) => engine.rejection(...args),
  }
}

/**
 * The name of CPU time as a stage. It is not a part of any other stage, and may be longer than all of them.
 */
const PROCESSOR_STAGE = 'cpu'

const JOB_KINDS: readonly Job['kind'][] = ['render', 'examine', 'frames', 'scan']

/** Returns the handlers that turn the events of engine jobs into metrics and log records. */
export function engineEvents({ metrics, note }: Observer, log: Log): EngineEvents {
  // Initialises the counters with 0. No job may be lost for
  // weeks, and an alert on a missing counter never fires.
  for (const job of JOB_KINDS) metrics.count('media_proxy.engine.lost', { job }, 0)
  return {
    onJob(job, outcome, seconds, cpuSeconds) {
      metrics.record('media_proxy.engine.job.duration', seconds, { job, outcome })
      metrics.count('media_proxy.engine.cpu.time', { job }, cpuSeconds)
      note(`${job} ${PROCESSOR_STAGE}`, cpuSeconds * 1000)
    },
    onLost(job, detail) {
      metrics.count('media_proxy.engine.lost', { job })
      log.warn({ job, detail }, 'a job ended its process')
    },
  }
}
