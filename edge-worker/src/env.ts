/** Reads and validates the worker's settings from its bindings. */

import { loadConfig, storageOf } from '@media-proxy/shared/config/load.ts'
import type { Config } from '@media-proxy/shared/config/schema.ts'
import type { AttemptLedger } from './limiter.ts'
import type { PurgeLog } from './purge-log.ts'
import type { FlightCoordinator } from './single-flight.ts'

/** The bindings in wrangler.toml, apart from variables and secrets. */
export interface Bindings {
  readonly FLIGHTS: DurableObjectNamespace<FlightCoordinator>
  readonly LEDGERS: DurableObjectNamespace<AttemptLedger>
  readonly PURGES: DurableObjectNamespace<PurgeLog>
  /** The bucket of static mode without S3. */
  readonly STATIC?: R2Bucket
  /** The origins' bucket of finished renditions. It is read before a request to the origin. */
  readonly RENDITIONS?: R2Bucket
  /** The platform's limiter. Without it, or with `edgeDriver = ledger`, the ledger counts everything. */
  readonly RATE_LIMITER?: RateLimit
  readonly REQUESTS?: AnalyticsEngineDataset
  /** The connection to the origin if it is not the internet: a service or a container. */
  readonly ORIGIN?: OriginService
}

/** A service that accepts requests for the origin. */
export interface OriginService {
  fetch(url: string, init: RequestInit): Promise<Response>
}

export type LoadedSettings =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly faults: readonly string[] }

/** Reads the variables and secrets, named as those of the origin, and validates them and the bindings. */
export function loadSettings(bindings: Bindings): LoadedSettings {
  const loaded = loadConfig('edge', { environment: Object.fromEntries(Object.entries(bindings)) })
  if (!loaded.ok) return loaded
  const faults = bindingFaults(loaded.config, bindings)
  return faults.length === 0 ? { ok: true, config: loaded.config } : { ok: false, faults }
}

function bindingFaults(config: Config, bindings: Bindings): readonly string[] {
  const faults: string[] = []
  for (const name of ['FLIGHTS', 'LEDGERS', 'PURGES'] as const) {
    if (bindings[name] === undefined) faults.push(`${name}: no such Durable Object is bound in wrangler.toml`)
  }
  const { edgeDriver } = config.rateLimitConfig
  if ((edgeDriver === 'platform' || edgeDriver === 'binding') && bindings.RATE_LIMITER === undefined) {
    faults.push(
      `RATE_LIMITER: not bound in wrangler.toml, though MEDIA_PROXY_RATE_LIMIT_EDGE_DRIVER is ${edgeDriver}`,
    )
  }
  const originless = config.staticMode && (bindings.STATIC !== undefined || storageOf(config) === 's3')
  if (config.originUrl === undefined && !originless) {
    faults.push('MEDIA_PROXY_ORIGIN_URL: found nothing; accepted: an absolute http or https URL')
  }
  return faults
}
