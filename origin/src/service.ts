/** Puts the origin together from a configuration. */

import { availableParallelism } from 'node:os'
import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import type { Hono } from 'hono'
import { createApp } from './app.ts'
import { createLane } from './rendition/admission.ts'
import { createRenditionCache } from './rendition/cache.ts'
import { createPipeline } from './rendition/pipeline.ts'
import { createSourceReader } from './rendition/source.ts'
import { createSecretJudge } from './routes/internal-body.ts'
import { createFilesystemStore } from './store/filesystem.ts'
import { createS3Store } from './store/s3.ts'
import type { ObjectStore } from './store/store.ts'
import type { Log } from './telemetry/log.ts'
import { createDemuxers, DEMUXER_DEFAULTS } from './video/container.ts'
import { createFfmpeg, type Ffmpeg } from './video/ffmpeg.ts'

/** Reads that may run at the same time; they wait for the network rather than for a processor. */
const CONCURRENT_READS = 32

/** While one video is read another one is decoded; each holds a frame of its own. */
const VIDEOS_PER_PROCESSOR = 2

export interface OriginOptions {
  readonly config: Config
  readonly log: Log
  /** The store to use instead of the configured one. */
  readonly store?: ObjectStore
  /** Where FFmpeg is looked for; the process's own unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** The origin's application, ready to be served. */
export function createOrigin({
  config,
  log,
  store = createStore(config),
  environment = process.env,
}: OriginOptions): Hono {
  const { limits, cache, s3 } = config
  const reads = createLane({ concurrency: CONCURRENT_READS, queue: limits.queuedRenders })
  const readerOf = (bucket: string) => createSourceReader({ store, bucket, limits, lane: reads })
  const sources = readerOf(s3.bucketCdn)
  const readers = new Map([
    [s3.bucketUploads, readerOf(s3.bucketUploads)],
    [s3.bucketStatic, readerOf(s3.bucketStatic)],
    // Last, so that a bucket of several names shares its reads with the public routes.
    [s3.bucketCdn, sources],
  ])
  const processors = limits.renders || availableParallelism()
  const ffmpeg = createFfmpeg({
    environment,
    log,
    lane: createLane({ concurrency: limits.decoders || processors, queue: limits.queuedRenders }),
    deadlineMs: limits.deadlineMs,
    memoryBytes: limits.decoderMemoryBytes,
  })
  const videos = createLane({
    concurrency: VIDEOS_PER_PROCESSOR * processors,
    queue: limits.queuedRenders,
  })
  const demuxers = createDemuxers({ kept: processors, ...DEMUXER_DEFAULTS })
  const tools = { demuxers, ffmpeg, limits }
  const pipeline = createPipeline({
    sources,
    cache: createRenditionCache({
      maxBytes: cache.memoryBytes,
      maxEntryBytes: cache.memoryEntryBytes,
      freshForMs: cache.memorySeconds * 1000,
      now: () => performance.now(),
    }),
    renders: createLane({ concurrency: processors, queue: limits.queuedRenders }),
    videos,
    tools,
    deadlineMs: limits.deadlineMs,
  })
  return createApp({
    config,
    store,
    pipeline,
    log,
    service: {
      telemetryEnabled: config.telemetry.enabled,
      notReady: () => notReady(store, s3.bucketCdn, ffmpeg, log),
      now: () => new Date(),
    },
    internal: {
      judgeSecret: createSecretJudge(config.secretKey),
      sourcesOf: (bucket) => readers.get(bucket),
      uploadsBucket: s3.bucketUploads,
      tools,
      lane: videos,
      maxBodyBytes: limits.internalBodyBytes,
      maxBase64Bytes: limits.base64Bytes,
      deadlineMs: limits.deadlineMs,
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
  ffmpeg: Ffmpeg,
  log: Log,
): Promise<readonly string[]> {
  const missing: string[] = []
  const failure = await store.check(bucket)
  if (failure !== undefined) {
    log.warn({ failure: failure.failure, detail: failure.detail }, 'the store is not ready')
    missing.push('store')
  }
  if (isFailure(await ffmpeg.abilities)) missing.push('ffmpeg')
  return missing
}
