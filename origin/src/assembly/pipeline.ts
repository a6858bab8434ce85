/** Builds the pipeline of renditions, with its memory cache, its store and the preparation of renditions. */

import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { ServePolicy } from '../nsfw/serve-policy.ts'
import { createRenditionCache } from '../rendition/cache.ts'
import { createPipeline, type Pipeline } from '../rendition/pipeline.ts'
import { createPreparation, type Preparation } from '../rendition/preparation.ts'
import { createRenditionStore, type RenditionStore } from '../rendition/store.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { OpenedEngine } from './engine.ts'
import type { Sources } from './sources.ts'

/** Undefined when no bucket for renditions is configured. */
export function openRenditionStore(
  { s3, cache, limits }: Config,
  store: ObjectStore,
  log: Log,
): RenditionStore | undefined {
  if (s3.bucketRenditions === undefined) return undefined
  return createRenditionStore({
    store,
    bucket: s3.bucketRenditions,
    // A clip is too large for the memory cache, and too expensive
    // to encode again for every range that a player requests.
    maxEntryBytes: Math.max(cache.memoryEntryBytes, limits.clipBytes),
    log,
  })
}

interface PipelineParts {
  readonly sources: Sources
  readonly opened: OpenedEngine
  readonly policy: ServePolicy
  readonly stored: RenditionStore | undefined
  readonly metrics: Metrics
}

/** Opens the pipeline of renditions of the public bucket and of external media. */
export function openPipeline({ cache, limits }: Config, parts: PipelineParts): Pipeline {
  const { sources, opened, policy, stored, metrics } = parts
  const renditions = createRenditionCache({
    maxBytes: cache.memoryBytes,
    maxEntryBytes: cache.memoryEntryBytes,
    maxLargeBytes: 2 * limits.clipBytes,
    freshForMs: cache.memorySeconds * 1000,
    onEvict: () => metrics.count('media_proxy.rendition.cache.evictions'),
    now: () => performance.now(),
  })
  metrics.watch('media_proxy.rendition.cache.bytes', () => [[renditions.bytes, {}]])
  return createPipeline({
    policy,
    stored,
    rendererVersion: opened.rendererVersion,
    sources: sources.publicReader,
    cache: renditions,
    engine: opened.engine,
    deadlineMs: limits.deadlineMs,
    clipDeadlineMs: limits.clipDeadlineMs,
  })
}

/**
 * Creates the preparation of renditions. It runs only when all lanes are idle, so that it delays no request.
 */
export function openPreparation(
  pipeline: Pipeline,
  opened: OpenedEngine,
  sources: Sources,
  log: Log,
): Preparation {
  const lanes = [...Object.values(opened.lanes), ...Object.values(sources.reads)]
  const isIdle = () => lanes.every(({ running, waiting }) => running + waiting === 0)
  return createPreparation({ pipeline, isIdle, log })
}
