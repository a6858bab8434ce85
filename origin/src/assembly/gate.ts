/** Builds the gate and the rate limiter from the configuration. */

import type { Config } from '@media-proxy/shared/config/schema.ts'
import { createRateLimiter, type RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { createAttemptCounter } from '../gate/attempt-counter.ts'
import { createCloudflareRanges, parseRanges } from '../gate/cloudflare-ranges.ts'
import { createGate, type Gate } from '../gate/gate.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'

/** The maximum number of peers to warn about. */
const MAX_WARNINGS = 10

/** Opens the gate. It warns of each proxy that is not trusted once, and keeps Cloudflare's ranges up to date. */
export function openGate(
  config: Config,
  {
    log,
    metrics,
    edgeRing,
    now,
  }: {
    readonly log: Log
    readonly metrics: Metrics
    readonly edgeRing: KeyRing | undefined
    readonly now: () => number
  },
): Gate {
  const cloudflare = createCloudflareRanges({ log })
  const warned = new Set<string>()
  if (config.requireCloudflareEdge) cloudflare.keepFresh()
  return createGate({
    requireCloudflareEdge: config.requireCloudflareEdge,
    cloudflare,
    trustedProxies: parseRanges(config.trustedProxies),
    edgeRing,
    now,
    onUntrustedProxy(peer) {
      metrics.count('media_proxy.gate.untrusted_proxies')
      if (warned.has(peer) || warned.size >= MAX_WARNINGS) return
      warned.add(peer)
      log.warn(
        { peer },
        'requests carry X-Forwarded-For from a proxy that MEDIA_PROXY_TRUSTED_PROXIES does not name: all its clients ' +
          'share one budget',
      )
    },
  })
}

/** Opens the limiter of the origin, which counts in memory. */
export function openLimiter(config: Config, log: Log, now: () => number): RateLimiter {
  return createRateLimiter({
    config: config.rateLimitConfig,
    counter: createAttemptCounter(() => performance.now()),
    now,
    onFailure: (error) => log.error({ err: error }, 'the rate limiter failed, so a request passed'),
  })
}
