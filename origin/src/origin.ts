/** Puts the origin together from a configuration. */

import { availableParallelism, networkInterfaces } from 'node:os'
import { storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import { createRateLimiter } from '@media-proxy/shared/rate-limit.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { createComparisonRing, judgeInternalSecret } from '@media-proxy/shared/signing/internal-secret.ts'
import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { Hono } from 'hono'
import { createApp } from './app.ts'
import { createAttemptCounter } from './attempt-counter.ts'
import { createCloudflareRanges, parseRanges } from './cloudflare-ranges.ts'
import { createLane, type Lane } from './concurrency/lane.ts'
import { RENDERER_VERSION } from './engine/process/image/sharp.ts'
import { makeRendition } from './engine/process/render.ts'
import { modelOf } from './engine/process/scan/model.ts'
import { createDemuxers, DEMUXER_DEFAULTS } from './engine/process/video/container.ts'
import { createFfmpeg, type Ffmpeg } from './engine/process/video/ffmpeg.ts'
import { createGate } from './gate.ts'
import {
  observeClassifier,
  observeDemuxers,
  observeExternal,
  observeFfmpeg,
  observeLane,
  observeLimiter,
  observeRenders,
  observeSources,
  observeStore,
  watchLanes,
} from './instrument.ts'
import { type Classifier, createClassifier } from './nsfw/classifier.ts'
import { createScanner } from './nsfw/scanner.ts'
import { createServePolicy } from './nsfw/serve-policy.ts'
import { createRenditionCache } from './rendition/cache.ts'
import { createRenderLanes } from './rendition/lanes.ts'
import { createPipeline } from './rendition/pipeline.ts'
import { createRenditionStore } from './rendition/store.ts'
import type { InternalOptions } from './routes/internal.ts'
import { createMetadataRoute } from './routes/metadata.ts'
import { createPlayground } from './routes/playground.ts'
import { createExternalFetch } from './source/external/fetch.ts'
import { createSourceReader } from './source/reader.ts'
import { createFilesystemStore } from './store/filesystem.ts'
import type { Log } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { createObserver } from './telemetry/observer.ts'

/** While one video is read another one is decoded; each holds a frame of its own. */
const VIDEOS_PER_PROCESSOR = 2
/** Reads that may run at the same time; they wait for the network rather than for a processor. */
const CONCURRENT_READS = 32

export interface OriginOptions {
  readonly config: Config
  readonly log: Log
  /** The store to use instead of the configured one. */
  readonly store?: ObjectStore
  /** What scans; without it nothing is scanned. */
  readonly classifier?: Classifier
  /** Whether the process is about to end: then it is not ready. */
  readonly draining?: () => boolean
  /** Where FFmpeg is looked for; the process's own unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>
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

/** The whole origin, ready to be served. */
export interface Origin {
  readonly fetch: Hono['fetch']
  /** Counts an error that nobody handled. */
  countDefect(): void
  /** Finishes what goes on behind the answers: writes what is to be stored, sends what is to be told. */
  close(): Promise<void>
  /** Ends every child at once. */
  abandon(): void
}

export async function createOrigin({
  config,
  log,
  store: bareStore = createStore(config),
  classifier: bareClassifier,
  draining = () => false,
  environment = process.env,
}: OriginOptions): Promise<Origin> {
  const { limits, cache, s3 } = config
  const metrics = await createMetrics({ otlpEndpoint: config.telemetry.otlpEndpoint })
  const observer = createObserver({ metrics, traced: config.telemetry.otlpEndpoint !== undefined })
  const store = observeStore(bareStore, observer)
  const classifier = bareClassifier === undefined ? undefined : observeClassifier(bareClassifier, observer)
  const now = () => Date.now()
  const ringOf = (secrets: readonly string[]) => (secrets.length === 0 ? undefined : createKeyRing(secrets))
  const [externalRing, edgeRing, comparison] = await Promise.all([
    ringOf(config.secretKey),
    ringOf(config.edgeSecretKey),
    createComparisonRing(),
  ])
  const cloudflare = createCloudflareRanges({ log })
  if (config.requireCloudflareEdge) cloudflare.keepFresh()
  const bareExternal = createExternalFetch({
    policy: {
      ports: config.external.ports,
      allowedHosts: config.external.allowedHosts,
      ownAddresses: ownAddresses(),
    },
    nameServers: config.external.nameServers,
    userAgent: config.external.userAgent,
    timeoutMs: config.external.timeoutMs,
    maxBytes: limits.sourceBytes,
  })
  const external = observeExternal(bareExternal, observer)
  const watched = (name: string, lane: Lane) => observeLane(lane, name, observer)
  const reads = watched('reads', createLane({ concurrency: CONCURRENT_READS, queue: limits.queuedRenders }))
  const memory = watched(
    'memory',
    createLane({
      concurrency: Number.POSITIVE_INFINITY,
      queue: limits.queuedRenders,
      capacityBytes: limits.sourceMemoryBytes,
    }),
  )
  const readerOf = (bucket: string) =>
    observeSources(createSourceReader({ store, bucket, external, limits, memory, lane: reads }), observer)
  const sources = readerOf(s3.bucketCdn)
  const readers = new Map([
    [s3.bucketUploads, readerOf(s3.bucketUploads)],
    [s3.bucketStatic, readerOf(s3.bucketStatic)],
    // Last, so that a bucket of several names shares its reads with the public routes.
    [s3.bucketCdn, sources],
  ])
  const processors = availableParallelism()
  // One more than there are processors: while one is answered, none of them has nothing to do.
  const renders = limits.renders || processors + 1
  const decoders = watched(
    'decoders',
    createLane({ concurrency: limits.decoders || limits.renders || processors, queue: limits.queuedRenders }),
  )
  const ending = new AbortController()
  const bareFfmpeg = createFfmpeg({
    ending: ending.signal,
    environment,
    log,
    lane: decoders,
    deadlineMs: limits.deadlineMs,
    memoryBytes: limits.decoderMemoryBytes,
  })
  const ffmpeg = observeFfmpeg(bareFfmpeg, observer)
  const lanes = createRenderLanes({
    reads,
    watched,
    renders,
    videos: VIDEOS_PER_PROCESSOR * (limits.renders || processors),
    queue: limits.queuedRenders,
    memoryBytes: limits.renderMemoryBytes,
  })
  watchLanes({ ...lanes, memory, decoders }, observer)
  const demuxers = observeDemuxers(createDemuxers({ kept: processors, ...DEMUXER_DEFAULTS }), observer)
  const tools = { demuxers, ffmpeg, limits }
  const scanner = createScanner({ classifier, score: config.nsfw, failClosed: config.nsfw.failClosed, log })
  const policy = createServePolicy({ mode: config.nsfw.onServe, score: config.nsfw, scanner, tools })
  const stored =
    s3.bucketRenditions === undefined
      ? undefined
      : createRenditionStore({
          store,
          bucket: s3.bucketRenditions,
          maxEntryBytes: cache.memoryEntryBytes,
          log,
        })
  const renditions = createRenditionCache({
    maxBytes: cache.memoryBytes,
    maxEntryBytes: cache.memoryEntryBytes,
    freshForMs: cache.memorySeconds * 1000,
    onEvict: () => metrics.count('media_proxy.rendition.cache.evictions'),
    now: () => performance.now(),
  })
  metrics.watch('media_proxy.rendition.cache.bytes', () => [[renditions.bytes, {}]])
  const pipeline = createPipeline({
    make: observeRenders(makeRendition, observer),
    policy,
    stored,
    rendererVersion: ffmpeg.abilities.then((abilities) =>
      JSON.stringify([RENDERER_VERSION, isFailure(abilities) ? '' : abilities.version]),
    ),
    sources,
    cache: renditions,
    lanes,
    tools,
    deadlineMs: limits.deadlineMs,
  })
  const internal: InternalOptions = {
    serveMetadata: createMetadataRoute({
      sourcesOf: (bucket) => readers.get(bucket),
      uploadsBucket: s3.bucketUploads,
      publicBucket: s3.bucketCdn,
      tools,
      scanner,
      lane: lanes.videos,
      maxBodyBytes: limits.internalBodyBytes,
      maxBase64Bytes: limits.base64Bytes,
      deadlineMs: limits.deadlineMs,
    }),
    judgeSecret: (headers) => judgeInternalSecret(headers, config.secretKey, comparison),
    pipeline,
    sourcesOf: (bucket) => readers.get(bucket),
    uploadsBucket: s3.bucketUploads,
    tools,
    lane: lanes.videos,
    maxBodyBytes: limits.internalBodyBytes,
    maxBase64Bytes: limits.base64Bytes,
    deadlineMs: limits.deadlineMs,
  }
  const app = createApp({
    config,
    store,
    external,
    pipeline,
    policed: { policy, sources, deadlineMs: limits.deadlineMs },
    gate: createGate({
      requireCloudflareEdge: config.requireCloudflareEdge,
      cloudflare,
      trustedProxies: parseRanges(config.trustedProxies),
      edgeRing,
      now,
    }),
    limiter: observeLimiter(
      createRateLimiter({
        config: config.rateLimitConfig,
        counter: createAttemptCounter(() => performance.now()),
        now,
        onFailure: (error) => log.error({ err: error }, 'the rate limiter failed, so a request passed'),
      }),
      observer,
    ),
    observer,
    externalRing,
    log,
    now,
    service: {
      telemetryEnabled: config.telemetry.enabled,
      metrics,
      judgeSecret: internal.judgeSecret,
      notReady: async () =>
        draining() ? ['draining'] : notReady(store, s3.bucketCdn, ffmpeg, classifier, log),
      now: () => new Date(),
    },
    internal,
    playground: createPlayground({ config, internal }),
  })
  return {
    fetch: app.fetch,
    countDefect: () => metrics.count('media_proxy.unhandled_errors'),
    async close() {
      await stored?.settled()
      await Promise.allSettled([metrics.close(), bareExternal.close(), bareClassifier?.close()])
    },
    abandon: () => ending.abort(),
  }
}

/** Every address of this machine, however public it looks. */
function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.map(({ address }) => address),
  )
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
  classifier: Classifier | undefined,
  log: Log,
): Promise<readonly string[]> {
  const missing: string[] = []
  const failure = await store.check(bucket)
  if (failure !== undefined) {
    log.warn({ failure: failure.code, detail: failure.detail }, 'the store is not ready')
    missing.push('store')
  }
  if (isFailure(await ffmpeg.abilities)) missing.push('ffmpeg')
  if (classifier?.fault !== undefined) missing.push('model')
  return missing
}
