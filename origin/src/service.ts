/** Puts the origin together from a configuration. */

import { availableParallelism } from 'node:os'
import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { Hono } from 'hono'
import { createApp } from './app.ts'
import { type Classifier, createClassifier } from './nsfw/classifier.ts'
import { modelOf } from './nsfw/model.ts'
import { createLane } from './rendition/admission.ts'
import { createRenditionCache } from './rendition/cache.ts'
import { createPipeline } from './rendition/pipeline.ts'
import { createSourceReader } from './rendition/source.ts'
import { createFilesystemStore } from './store/filesystem.ts'
import { createS3Store } from './store/s3.ts'
import type { ObjectStore } from './store/store.ts'
import type { Log } from './telemetry/log.ts'

/** Reads that may run at the same time; they wait for the network rather than for a processor. */
const CONCURRENT_READS = 32

export interface OriginOptions {
  readonly config: Config
  readonly log: Log
  /** The store to use instead of the configured one. */
  readonly store?: ObjectStore
  /** What scans; without it nothing is scanned. */
  readonly classifier?: Classifier
}

/** The classifier that a configuration asks for, loading its model; undefined where nothing is scanned. */
export function openClassifier(config: Config, log: Log): Classifier | undefined {
  if (!config.nsfw.enabled || config.staticMode) return undefined
  const classifier = createClassifier({ model: modelOf(config), queue: config.nsfw.queuedScans, log })
  void classifier.loaded.then((fault) => {
    if (fault !== undefined) log.error({ detail: fault.detail }, 'nothing is scanned')
  })
  return classifier
}

/** The origin's application, ready to be served. */
export function createOrigin({ config, log, store = createStore(config), classifier }: OriginOptions): Hono {
  const { limits, cache, s3 } = config
  const sources = createSourceReader({
    store,
    bucket: s3.bucketCdn,
    limits,
    lane: createLane({ concurrency: CONCURRENT_READS, queue: limits.queuedRenders }),
  })
  const pipeline = createPipeline({
    sources,
    cache: createRenditionCache({
      maxBytes: cache.memoryBytes,
      maxEntryBytes: cache.memoryEntryBytes,
      freshForMs: cache.memorySeconds * 1000,
      now: () => performance.now(),
    }),
    renders: createLane({
      concurrency: limits.renders || availableParallelism(),
      queue: limits.queuedRenders,
    }),
    limits,
    deadlineMs: limits.deadlineMs,
  })
  return createApp({
    config,
    store,
    pipeline,
    log,
    service: {
      telemetryEnabled: config.telemetry.enabled,
      notReady: () => notReady(store, s3.bucketCdn, classifier, log),
      now: () => new Date(),
    },
  })
}

function createStore(config: Config): ObjectStore {
  if (storageOf(config) === 'filesystem') return createFilesystemStore(config.storageDir)
  const { endpoint, region, accessKeyId, secretAccessKey, timeoutMs } = config.s3
  if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error('an s3 store without endpoint or credentials passed the configuration')
  }
  return createS3Store({ endpoint, region, accessKeyId, secretAccessKey, timeoutMs })
}

async function notReady(
  store: ObjectStore,
  bucket: string,
  classifier: Classifier | undefined,
  log: Log,
): Promise<readonly string[]> {
  const missing: string[] = []
  const failure = await store.check(bucket)
  if (failure !== undefined) {
    log.warn({ failure: failure.failure, detail: failure.detail }, 'the store is not ready')
    missing.push('store')
  }
  if (classifier?.fault !== undefined) missing.push('model')
  return missing
}
