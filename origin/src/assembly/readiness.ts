/** Checks whether the origin can serve requests. */

import type { ObjectStore } from '@media-proxy/shared/store/store.ts'
import type { Classifier } from '../nsfw/classifier.ts'
import type { Log } from '../telemetry/log.ts'
import type { OpenedEngine } from './engine.ts'

export interface ReadinessOptions {
  readonly store: Pick<ObjectStore, 'check'>
  readonly buckets: readonly string[]
  readonly engine: Pick<OpenedEngine, 'notReady'>
  /** Undefined when nothing is scanned. */
  readonly classifier: Pick<Classifier, 'fault'> | undefined
  /** Whether the process is shutting down. */
  readonly draining: () => boolean
  readonly log: Pick<Log, 'warn'>
  /** Monotonic, in milliseconds. Default: `performance.now`. */
  readonly now?: () => number
}

/**
 * How long the result for the store is used again, in milliseconds. No rate limit applies to readiness checks,
 * and the provider of the store bills every read.
 */
const KEPT_MS = 1000

/** Returns a function that lists what is not ready. Concurrent calls share one check of the store. */
export function createReadiness(options: ReadinessOptions): () => Promise<readonly string[]> {
  const { draining, engine, classifier, now = () => performance.now() } = options
  let checked: Promise<boolean> | undefined
  let checkedAt: number | undefined
  const isStoreReady = () => {
    if (checked === undefined || (checkedAt !== undefined && now() - checkedAt >= KEPT_MS)) {
      checkedAt = undefined
      checked = checkStore(options).finally(() => {
        checkedAt = now()
      })
    }
    return checked
  }
  return async () => {
    if (draining()) return ['draining']
    const [isReady, missing] = await Promise.all([isStoreReady(), engine.notReady()])
    return [...(isReady ? [] : ['store']), ...missing, ...(classifier?.fault === undefined ? [] : ['model'])]
  }
}

/** Reads every bucket. */
async function checkStore({ store, buckets, log }: ReadinessOptions): Promise<boolean> {
  const failures = await Promise.all(buckets.map((bucket) => store.check(bucket)))
  const failed = failures.filter((failure) => failure !== undefined)
  for (const { code, detail } of failed) log.warn({ failure: code, detail }, 'the store is not ready')
  return failed.length === 0
}
