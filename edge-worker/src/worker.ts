/** The entry point of the edge worker. It builds the gateway from the bindings, and reports each request. */

import { exports, cache as platformCache, WorkerEntrypoint } from 'cloudflare:workers'
import {
  type Config,
  edgeLogRatioOf,
  explainsErrors,
  hasDescription,
  hasPlayground,
  leadsToPlayground,
} from '@media-proxy/shared/config/schema.ts'
import { createRateLimiter, type RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import { ownUrlsOf } from '@media-proxy/shared/request/own-url.ts'
import { presetRules } from '@media-proxy/shared/request/preset-rules.ts'
import { fail } from '@media-proxy/shared/response/failure.ts'
import { failureResponse, requestIdOf } from '@media-proxy/shared/response/headers.ts'
import { type AttachmentPolicy, attachmentPolicyOf } from '@media-proxy/shared/signing/attachment-url.ts'
import { createKeyRing, type KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { checkInternalSecret, createComparisonRing } from '@media-proxy/shared/signing/internal-secret.ts'
import { createEdgeCache } from './cache.ts'
import { type Bindings, type LoadedSettings, loadSettings } from './env.ts'
import { createGateway, type Gateway } from './gateway.ts'
import { createLedgerCounter, createPlatformCounter } from './limiter.ts'
import { createLocalFlights } from './local-flights.ts'
import { createOriginFetch, type FetchOrigin } from './origin.ts'
import { cacheTagOf, createLogPurge, createZonePurge } from './purge.ts'
import { createPurgeMemory, createPurgeReader } from './purge-reader.ts'
import { report } from './report.ts'
import { createSingleFlight } from './single-flight.ts'
import { createStaticSite } from './static-site.ts'
import { createStoredRenditions } from './stored-renditions.ts'
import { createWorkersCachePurge, handleMiss, type InnerEntrypoint } from './workers-cache.ts'

export { AttemptLedger } from './limiter.ts'
export { PurgeLog } from './purge-log.ts'
export { FlightCoordinator } from './single-flight.ts'

/** The state of an isolate. It has no promises, because one request must not await those of another. */
interface Isolate {
  readonly settings: LoadedSettings
  readonly keys: Keys | undefined
}

interface Keys {
  readonly external: KeyRing | undefined
  readonly edge: KeyRing | undefined
  readonly attachments: AttachmentPolicy
  readonly comparison: KeyRing
}

let isolate: Isolate | undefined
const now = () => Date.now()
/** The state that the requests of an isolate share. */
const localFlights = createLocalFlights(now)
const purgeMemory = createPurgeMemory()
const gateways = new Map<string, Gateway>()

export default {
  async fetch(request, bindings, context) {
    return answerDefects(request, async () => {
      isolate ??= await prepare(bindings)
      const { settings, keys } = isolate
      if (!settings.ok || keys === undefined) return faultyConfiguration(settings, request)
      const gateway = gatewayOf(settings.config, keys, bindings, request)
      const handled = await gateway(request, { waitUntil: (work) => context.waitUntil(work) })
      report(handled, {
        ordinaryRatio: edgeLogRatioOf(settings.config),
        requests: bindings.REQUESTS,
      })
      return handled.response
    })
  },
} satisfies ExportedHandler<Bindings>

/** Answers a request. An exception is a defect of the worker, and is logged with its stack trace. */
async function answerDefects(request: Request, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer()
  } catch (error) {
    const requestId = requestIdOf(request.headers)
    const described = error instanceof Error ? (error.stack ?? String(error)) : String(error)
    console.error({ message: 'a defect, answered with 500', requestId, error: described })
    return failureResponse(fail('defect'), requestId)
  }
}

function faultyConfiguration(settings: LoadedSettings, request: Request): Response {
  console.error({ message: 'the configuration has faults', faults: settings.ok ? [] : settings.faults })
  return failureResponse(fail('defect'), requestIdOf(request.headers))
}

/** The entrypoint behind the platform's cache, for the driver `workers-cache`. Not reachable from outside. */
export class CachedMedia extends WorkerEntrypoint<Bindings> {
  override async fetch(request: Request): Promise<Response> {
    return answerDefects(request, async () => {
      isolate ??= await prepare(this.env)
      const { settings, keys } = isolate
      if (!settings.ok || keys === undefined) return faultyConfiguration(settings, request)
      const { config } = settings
      return handleMiss(
        {
          origin: originOf(config, keys, this.env),
          limiter: limiterOf(config, this.env),
          freshSeconds: config.cache.edgeSeconds,
          notFoundSeconds: config.cache.notFoundSeconds,
        },
        request,
      )
    })
  }

  async purge(tags: readonly string[]): Promise<boolean> {
    return (await platformCache.purge({ tags: [...tags] })).success
  }
}

const INNER: InnerEntrypoint = {
  fetch: (url, init) => loopback().fetch(url, init),
  purge: (tags) => loopback().purge(tags),
}

function loopback(): InnerEntrypoint {
  // The runtime's types do not include the loopback bindings of this module.
  return (exports as unknown as { readonly CachedMedia: InnerEntrypoint }).CachedMedia
}

async function prepare(bindings: Bindings): Promise<Isolate> {
  const settings = loadSettings(bindings)
  if (!settings.ok) return { settings, keys: undefined }
  const { secretKey, edgeSecretKey } = settings.config
  const ringOf = (secrets: readonly string[]) => (secrets.length === 0 ? undefined : createKeyRing(secrets))
  const [external, edge, attachments, comparison] = await Promise.all([
    ringOf(secretKey),
    ringOf(edgeSecretKey),
    attachmentPolicyOf(settings.config),
    createComparisonRing(),
  ])
  return { settings, keys: { external, edge, attachments, comparison } }
}

/** The largest number of cached gateways. Without a `publicUrl`, clients can use any number of host names. */
const MAX_GATEWAYS = 100

/**
 * Returns the gateway for a public URL and a location. It is cached, because it has no state of a request.
 */
function gatewayOf(config: Config, keys: Keys, bindings: Bindings, request: Request): Gateway {
  const publicUrl = config.publicUrl[0] ?? new URL(request.url).origin
  const location = String(request.cf?.colo ?? 'here')
  const name = `${location} ${publicUrl}`
  const known = gateways.get(name)
  if (known !== undefined) return known
  const gateway = assemble(config, keys, bindings, { publicUrl, location })
  if (gateways.size < MAX_GATEWAYS) gateways.set(name, gateway)
  return gateway
}

function assemble(
  config: Config,
  keys: Keys,
  bindings: Bindings,
  { publicUrl, location }: { readonly publicUrl: string; readonly location: string },
): Gateway {
  const { cloudflareZone: zone, cloudflareToken: token } = config.cache
  const origin = originOf(config, keys, bindings)
  const cache = createEdgeCache({
    cache: caches.default,
    publicUrl,
    freshSeconds: config.cache.edgeSeconds,
    notFoundSeconds: config.cache.notFoundSeconds,
    now,
    onFailure: onFailure('the cache cannot be read, so the origin is asked'),
  })
  const log = createPurgeReader({
    namespace: bindings.PURGES,
    memory: purgeMemory,
    originMemoryMs: config.cache.memorySeconds * 1000,
    now,
    onFailure: onFailure('the log of purges is not available; the purges that are known already apply'),
  })
  const zonePurge =
    zone === undefined || token === undefined
      ? undefined
      : createZonePurge({ zone, token, fetch: (url, init) => fetch(url, init) })
  const singleFlight = createSingleFlight({
    namespace: bindings.FLIGHTS,
    location,
    onFailure: onFailure('single flight is not available, so every request asks the origin'),
  })
  const purge = zonePurge ?? createLogPurge(log)
  const byWorkersCache = config.cache.edgeDriver === 'workers-cache'
  return createGateway({
    sampleRatio: config.telemetry.sampleRatio,
    negotiatesAssets: config.negotiateFormat !== 'off',
    presets: presetRules(config),
    publicPath: config.publicPath,
    ownUrls: ownUrlsOf(config),
    corsOrigins: config.corsOrigins,
    externalRing: keys.external,
    attachments: keys.attachments,
    createLimiter: () => limiterOf(config, bindings),
    workersCache: byWorkersCache ? { inner: INNER, publicUrl, now } : undefined,
    delivery: {
      cache,
      singleFlight,
      localFlights,
      origin,
      now,
      // A zone purge removes the entries from the cache itself.
      purgedAt: zonePurge === undefined ? log.purgedAt : async () => 0,
      tagOf: async (name) => (zonePurge === undefined ? undefined : cacheTagOf(name)),
      maxEntryBytes: config.cache.edgeEntryBytes,
      renditions:
        bindings.RENDITIONS === undefined
          ? undefined
          : createStoredRenditions({
              bucket: bindings.RENDITIONS,
              freshSeconds: config.cache.edgeSeconds,
              now,
            }),
    },
    purge: byWorkersCache ? createWorkersCachePurge(INNER, purge) : purge,
    checkSecret: (headers) => checkInternalSecret(headers, config.secretKey, keys.comparison),
    hasPlayground: hasPlayground(config),
    hasDescription: hasDescription(config),
    leadsToPlayground: leadsToPlayground(config),
    explainsErrors: explainsErrors(config),
    staticSite: config.staticMode ? createStaticSite(config, bindings.STATIC, origin) : undefined,
    now,
  })
}

const onFailure = (message: string) => (error: unknown) => console.warn({ message, error: String(error) })

/** How much longer than its own deadline the origin may take, in milliseconds. */
const ORIGIN_SPARE_MS = 5000

function originOf(config: Config, keys: Keys, bindings: Bindings): FetchOrigin {
  return createOriginFetch({
    originUrl: config.originUrl,
    ring: keys.edge,
    timeoutMs: Math.max(config.limits.deadlineMs, config.limits.clipDeadlineMs) + ORIGIN_SPARE_MS,
    fetch: (url, init) =>
      bindings.ORIGIN === undefined ? fetch(url, init) : bindings.ORIGIN.fetch(url, init),
    now,
  })
}

/** Creates the limiter of one request. Its sessions belong to that request. */
function limiterOf(config: Config, bindings: Bindings): RateLimiter {
  const ledger = createLedgerCounter(bindings.LEDGERS)
  return createRateLimiter({
    config: config.rateLimitConfig,
    counter:
      bindings.RATE_LIMITER === undefined || usesLedger(config)
        ? ledger
        : createPlatformCounter(bindings.RATE_LIMITER, ledger),
    now,
    onFailure: onFailure('the rate limiter is not available, so requests pass'),
  })
}

function usesLedger({ rateLimitConfig: { edgeDriver } }: Config): boolean {
  return edgeDriver === 'ledger' || edgeDriver === 'durable-object'
}
