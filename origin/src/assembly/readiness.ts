/** Checks whether the origin can serve requests. */

import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { Classifier } from '../nsfw/classifier.ts'
import type { Log } from '../telemetry/log.ts'
import type { OpenedEngine } from './engine.ts'

export interface ReadinessOptions {
  readonly store: ObjectStore
  readonly buckets: readonly string[]
  readonly engine: OpenedEngine
  /** Undefined when nothing is scanned. */
  readonly classifier: Classifier | undefined
  /** Whether the process is shutting down. */
  readonly draining: () => boolean
  readonly log: Log
}

/**
 * Returns a function that lists what is not ready. Concurrent calls share one check, because no rate limit
 * applies to readiness checks.
 */
export function createReadiness(options: ReadinessOptions): () => Promise<readonly string[]> {
  let running: Promise<readonly string[]> | undefined
  return async () => {
    if (options.draining()) return ['draining']
    running ??= check(options).finally(() => {
      running = undefined
    })
    return running
  }
}

async function check({
  store,
  buckets,
  engine,
  classifier,
  log,
}: ReadinessOptions): Promise<readonly string[]> {
  const [failures, missing] = await Promise.all([
    Promise.all(buckets.map((bucket) => store.check(bucket))),
    engine.notReady(),
  ])
  const failed = failures.filter((failure) => failure !== undefined)
  for (const { code, detail } of failed) log.warn({ failure: code, detail }, 'the store is not ready')
  return [
    ...(failed.length === 0 ? [] : ['store']),
    ...missing,
    ...(classifier?.fault === undefined ? [] : ['model']),
  ]
}
