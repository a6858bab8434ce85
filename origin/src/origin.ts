/** Builds the origin from a configuration. */

import { configuredBuckets } from '@media-proxy/shared/config/buckets.ts'
import { type Config, hasDescription } from '@media-proxy/shared/config/schema.ts'
import { ownUrlsOf } from '@media-proxy/shared/request/own-url.ts'
import { type AttachmentPolicy, attachmentPolicyOf } from '@media-proxy/shared/signing/attachment-url.ts'
import { createBase64KeyRing, createKeyRing, type KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { checkInternalSecret, createComparisonRing } from '@media-proxy/shared/signing/internal-secret.ts'
import { ownName } from '@media-proxy/shared/signing/own-request.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { Hono } from 'hono'
import { describeApi } from './api/description.ts'
import { serviceVersion } from './api/version.ts'
import { createApp } from './app.ts'
import { type OpenedEngine, openEngine } from './assembly/engine.ts'
import { openGate, openLimiter } from './assembly/gate.ts'
import {
  observeClassifier,
  observeExternal,
  observeLane,
  observeLimiter,
  observeScanner,
  observeStore,
  watchLanes,
} from './assembly/instrument.ts'
import { openPipeline, openPreparation, openRenditionStore } from './assembly/pipeline.ts'
import { createReadiness } from './assembly/readiness.ts'
import { openExternal, openSources, type Sources } from './assembly/sources.ts'
import { createStore } from './assembly/store.ts'
import type { Lane } from './concurrency/lane.ts'
import { createRunning } from './concurrency/running.ts'
import { createHotAnswers, type HotAnswers } from './hot-answers.ts'
import type { Classifier } from './nsfw/classifier.ts'
import { modelOf } from './nsfw/model.ts'
import { createScanner, type Scanner } from './nsfw/scanner.ts'
import { createServePolicy, type ServePolicy } from './nsfw/serve-policy.ts'
import { createPlayground } from './playground/playground.ts'
import { createSpool } from './relay/spool.ts'
import { UPLOAD_PACE } from './relay/upload-body.ts'
import type { InternalOptions } from './routes/internal.ts'
import { createMetadataRoute } from './routes/metadata.ts'
import { serveMetricsAlone } from './routes/metrics.ts'
import type { RelayOptions } from './routes/relay.ts'
import { createBufferCollector } from './streams/buffer-collector.ts'
import type { Log } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { createObserver, type Observer } from './telemetry/observer.ts'

export interface OriginOptions {
  readonly config: Config
  readonly log: Log
  /** The store to use instead of the configured one. */
  readonly store?: ObjectStore
  /** The classifier. Without it nothing is scanned. */
  readonly classifier?: Classifier
  /** Whether the process is shutting down. It then reports that it is not ready. */
  readonly draining?: () => boolean
  /** The environment variables in which FFmpeg is searched. Default: those of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** A file whose presence makes every job crash its process. For tests of crashes. */
  readonly crashOn?: string
}

/** The complete origin. */
export interface Origin {
  readonly fetch: Hono['fetch']
  /** Called before `fetch`. Undefined when every request has to be processed. */
  readonly hotAnswers: HotAnswers | undefined
  /** The maximum time from a request to the first byte of its response, in milliseconds. */
  readonly longestAnswerMs: number
  /**
   * How long idle connections are kept, in milliseconds. The client side has to close first: a request that
   * meets a closed connection becomes a 502, and a POST is not retried.
   */
  readonly idleConnectionMs: number
  /** Serves `/_metrics` on a separate port. */
  readonly metrics: (request: Request) => Promise<Response>
  /** Returns the ids of the engine processes. */
  readonly enginePids: () => readonly number[]
  /** Counts an unhandled error. */
  countDefect(): void
  /**
   * Waits for the running requests and for background work after them: pending writes to the store, and
   * pending telemetry.
   */
  close(): Promise<void>
}

/** Creates an origin. It can answer at once; `/_ready` tells when its engine is ready. */
export async function createOrigin({
  config,
  log,
  store: givenStore = createStore(config),
  classifier: givenClassifier,
  draining = () => false,
  environment = process.env,
  crashOn,
}: OriginOptions): Promise<Origin> {
  const metrics = await createMetrics({ otlpEndpoint: config.telemetry.otlpEndpoint })
  const observer = createObserver({ metrics, traced: config.telemetry.otlpEndpoint !== undefined })
  const store = observeStore(givenStore, observer)
  const classifier = givenClassifier === undefined ? undefined : observeClassifier(givenClassifier, observer)
  const now = () => Date.now()
  const buckets = [...new Set(configuredBuckets(config).map(({ bucket }) => bucket))]
  const { externalRing, edgeRing, attachments, comparison, name } = await openKeys(config)
  const externalFetch = openExternal(config, name)
  const external = observeExternal(externalFetch, observer)
  const watched = (name: string, lane: Lane) => observeLane(lane, name, observer)
  const sources = openSources(config, { store, external, observer, watched })
  const opened = await openEngine({
    config,
    log,
    observer,
    environment,
    watched,
    ...(crashOn === undefined ? {} : { crashOn }),
  })
  const { stored: reads, external: externalReads } = sources.reads
  watchLanes({ ...opened.lanes, reads, 'external-reads': externalReads, memory: sources.memory }, observer)
  const { scanner, policy } = openModeration(config, { classifier, engine: opened.engine, observer, log })
  const stored = openRenditionStore(config, store, log)
  const pipeline = openPipeline(config, { sources, opened, policy, stored, metrics })
  const preparation = openPreparation(pipeline, opened, sources, log)
  const internal = internalOptions(config, {
    store,
    sources,
    opened,
    scanner,
    pipeline,
    preparation,
    checkSecret: (headers) => checkInternalSecret(headers, config.secretKey, comparison),
  })
  const collector = createBufferCollector()
  const gate = openGate(config, { log, metrics, edgeRing, now })
  const limiter = observeLimiter(openLimiter(config, log, now), observer)
  // Otherwise a response names the origin that may read it, or has its own trace.
  const areSameForAll = config.corsOrigins.includes('*') && config.telemetry.otlpEndpoint === undefined
  const hotAnswers = areSameForAll ? createHotAnswers({ pipeline, gate, limiter, metrics, log }) : undefined
  const app = createApp({
    collector,
    gate,
    limiter,
    hotAnswers,
    config,
    store,
    external,
    pipeline,
    observer,
    externalRing,
    attachments,
    log,
    now,
    internal,
    moderated: { policy, sources: sources.publicReader, deadlineMs: config.limits.deadlineMs },
    service: {
      telemetryEnabled: config.telemetry.enabled,
      metrics,
      checkSecret: internal.checkSecret,
      description: descriptionOf(config),
      notReady: createReadiness({ store, buckets, engine: opened, classifier, draining, log }),
      now: () => new Date(),
    },
    relay: await relayOptions(config, { store, collector, now }),
    playground: createPlayground({ config, internal, clipProgress: () => opened.pools.clips.progress }),
  })
  const running = createRunning()
  return {
    fetch: (...args) => running.watch(app.fetch(...args)),
    hotAnswers,
    ...connectionTimes(config),
    metrics: (request) => serveMetricsAlone(metrics, request),
    enginePids: () => Object.values(opened.pools).flatMap(({ pids }) => pids),
    countDefect: () => metrics.count('media_proxy.unhandled_errors'),
    async close() {
      await running.settled()
      await preparation.close()
      await stored?.settled()
      await Promise.allSettled([
        metrics.close(),
        externalFetch.close(),
        givenClassifier?.close(),
        ...Object.values(opened.pools).map((pool) => pool.close()),
      ])
    },
  }
}

function connectionTimes({ limits }: Config): Pick<Origin, 'longestAnswerMs' | 'idleConnectionMs'> {
  return {
    longestAnswerMs: Math.max(limits.deadlineMs, limits.clipDeadlineMs),
    idleConnectionMs: limits.idleConnectionMs,
  }
}

/** Returns a function that describes the API. Undefined when the configuration does not serve it. */
function descriptionOf(config: Config): (() => object) | undefined {
  if (!hasDescription(config)) return undefined
  return () => describeApi({ version: serviceVersion(), presets: Object.keys(config.presets) })
}

interface Keys {
  /** Undefined when no `secretKey` is set. */
  readonly externalRing: KeyRing | undefined
  /** Undefined when no `edgeSecretKey` is set. */
  readonly edgeRing: KeyRing | undefined
  readonly attachments: AttachmentPolicy
  /** The ring that compares secrets in constant time. */
  readonly comparison: KeyRing
  /** The name that marks the service's own requests to external servers. */
  readonly name: string | undefined
}

async function openKeys(config: Config): Promise<Keys> {
  const ringOf = (secrets: readonly string[]) => (secrets.length === 0 ? undefined : createKeyRing(secrets))
  const [externalRing, edgeRing, attachments, comparison] = await Promise.all([
    ringOf(config.secretKey),
    ringOf(config.edgeSecretKey),
    attachmentPolicyOf(config),
    createComparisonRing(),
  ])
  const name = externalRing === undefined ? undefined : await ownName(externalRing)
  return { externalRing, edgeRing, attachments, comparison, name }
}

interface ModerationParts {
  readonly classifier: Classifier | undefined
  readonly engine: OpenedEngine['engine']
  readonly observer: Observer
  readonly log: Log
}

function openModeration(
  config: Config,
  { classifier, engine, observer, log }: ModerationParts,
): { readonly scanner: Scanner; readonly policy: ServePolicy } {
  const { nsfw: score } = config
  const { failClosed, onServe: mode, frames } = score
  const scanner = observeScanner(createScanner({ classifier, score, failClosed, log }), observer)
  const model = modelOf(config)
  return { scanner, policy: createServePolicy({ mode, score, frames, model, scanner, engine, failClosed }) }
}

async function relayOptions(
  { uploadRelaySecret, s3, limits }: Config,
  parts: Pick<RelayOptions, 'store' | 'collector' | 'now'>,
): Promise<RelayOptions> {
  return {
    ...parts,
    ring: uploadRelaySecret.length === 0 ? undefined : await createBase64KeyRing(uploadRelaySecret),
    bucket: s3.bucketUploads,
    maxBytes: limits.uploadBytes,
    spool: createSpool(limits.spoolBytes, parts.collector),
    pace: UPLOAD_PACE,
  }
}

interface InternalParts extends Pick<InternalOptions, 'store' | 'pipeline' | 'checkSecret' | 'preparation'> {
  readonly sources: Sources
  readonly opened: OpenedEngine
  readonly scanner: Scanner
}

function internalOptions(
  config: Config,
  { store, sources, opened, scanner, pipeline, checkSecret, preparation }: InternalParts,
): InternalOptions {
  const { s3, limits } = config
  const ownUrls = ownUrlsOf(config)
  const common = {
    sourcesOf: (bucket: string) => sources.readerOf(bucket),
    uploadsBucket: s3.bucketUploads,
    engine: opened.engine,
    maxBodyBytes: limits.internalBodyBytes,
    maxBase64Bytes: limits.base64Bytes,
    deadlineMs: limits.deadlineMs,
  }
  return {
    ...common,
    serveMetadata: createMetadataRoute({
      ...common,
      publicBucket: s3.bucketCdn,
      ownUrls,
      scanner,
    }),
    checkSecret,
    store,
    pipeline,
    preparation,
    ownUrls,
    presetOf: ownUrls.presetOf,
  }
}
