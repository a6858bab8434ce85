/** Who is let in, and how often. */

import type { Config } from '@media-proxy/shared/config/schema.ts'
import { createRateLimiter, type RateLimiter } from '@media-proxy/shared/rate-limit.ts'
import type { KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { createAttemptCounter } from '../gate/attempt-counter.ts'
import { createCloudflareRanges, parseRanges } from '../gate/cloudflare-ranges.ts'
import { createGate, type Gate } from '../gate/gate.ts'
import type { Log } from '../telemetry/log.ts'

export function openGate(
  config: Config,
  {
    log,
    edgeRing,
    now,
  }: { readonly log: Log; readonly edgeRing: KeyRing | undefined; readonly now: () => number },
): Gate {
  const cloudflare = createCloudflareRanges({ log })
  if (config.requireCloudflareEdge) cloudflare.keepFresh()
  return createGate({
    requireCloudflareEdge: config.requireCloudflareEdge,
    cloudflare,
    trustedProxies: parseRanges(config.trustedProxies),
    edgeRing,
    now,
  })
}

export function openLimiter(config: Config, log: Log, now: () => number): RateLimiter {
  return createRateLimiter({
    config: config.rateLimitConfig,
    counter: createAttemptCounter(() => performance.now()),
    now,
    onFailure: (error) => log.error({ err: error }, 'the rate limiter failed, so a request passed'),
  })
}
