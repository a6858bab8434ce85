/**
 * Rate limits by client, shared by the edge and the origin. They use the generic cell rate algorithm (ITU-T
 * I.371, annex A, "virtual scheduling"), which needs one number per client and budget, allows bursts, and
 * restores one attempt at a time.
 */

import ipaddr from 'ipaddr.js'
import type { Config } from './config/schema.ts'
import { type Failure, fail } from './response/failure.ts'
import type { HeaderRecord } from './response/headers.ts'

/** The budget of a client: up to `maxAttempts` at once, completely restored after `windowMs`. */
export interface Budget {
  readonly maxAttempts: number
  readonly windowMs: number
}

export type BudgetName = 'requests' | 'internal' | 'bad-signatures' | 'renders'

export interface AttemptVerdict {
  readonly allowed: boolean
  /** The attempts that may follow immediately. Undefined when the counter does not report them. */
  readonly remaining: number | undefined
  /** The time until the budget is completely restored, in milliseconds. */
  readonly resetMs: number
  /** The time until the next attempt can pass, in milliseconds. 0 if this attempt passed. */
  readonly retryMs: number
}

/** The amount of a budget that was spent at a point in time. It drops by a millisecond per millisecond. */
export interface Spent {
  readonly spentMs: number
  readonly atMs: number
}

/** Prevents rounding errors of many fractions from rejecting the last attempt of a burst. */
const TOLERANCE_INTERVALS = 1e-6

/**
 * Checks one attempt. `before` is the `spent` of the previous attempt, on the clock of `nowMs` (undefined for
 * the first one). The returned `spent` must be stored for the next attempt, and can be dropped once its time
 * has passed. It is an amount instead of the algorithm's "theoretical arrival time", which would lose
 * fractions on a clock of 13 digits.
 */
export function checkAttempt(
  before: Spent | undefined,
  nowMs: number,
  { maxAttempts, windowMs }: Budget,
): { readonly verdict: AttemptVerdict; readonly spent: Spent } {
  const intervalMs = windowMs / maxAttempts
  const elapsedMs = before === undefined ? 0 : Math.max(0, nowMs - before.atMs)
  const leftMs = Math.max(0, (before?.spentMs ?? 0) - elapsedMs)
  const overMs = leftMs + intervalMs - windowMs
  const allowed = overMs <= intervalMs * TOLERANCE_INTERVALS
  const spentMs = allowed ? leftMs + intervalMs : leftMs
  return {
    spent: { spentMs, atMs: nowMs },
    verdict: {
      allowed,
      remaining: Math.max(0, Math.floor((windowMs - spentMs) / intervalMs + TOLERANCE_INTERVALS)),
      resetMs: spentMs,
      retryMs: allowed ? 0 : overMs,
    },
  }
}

/** Counts the attempts of clients. `client` is the address of one, or the network of an IPv6 address. */
export interface AttemptCounter {
  attempt(name: BudgetName, client: string, budget: Budget): Promise<AttemptVerdict>
}

/** The outcome of a limit: a failure, if any, and the response headers about the budget. */
export interface Limited {
  readonly failure?: Failure
  readonly headers: Readonly<HeaderRecord>
}

export interface RateLimiter {
  /** Whether a budget is active for a path. */
  isLimited(name: BudgetName, path: string): boolean
  /**
   * Spends attempts of a client, by default one. Without an active budget of this name, every attempt passes.
   */
  consume(name: BudgetName, path: string, address: string, attempts?: number): Promise<Limited>
}

export interface RateLimiterOptions {
  readonly config: Config['rateLimitConfig']
  readonly counter: AttemptCounter
  /** Returns the time in milliseconds since the epoch. */
  readonly now: () => number
  /** Called when the counter fails. The request then passes. */
  readonly onFailure: (error: unknown) => void
}

const NOTHING: Limited = { headers: {} }

export function createRateLimiter({ config, counter, now, onFailure }: RateLimiterOptions): RateLimiter {
  const budgets = budgetsOf(config)
  const budgetOf = (name: BudgetName, path: string) => {
    const budget = budgets[name]
    return budget === undefined || isSkipped(path, config.skipPaths) ? undefined : budget
  }
  return {
    isLimited: (name, path) => budgetOf(name, path) !== undefined,
    async consume(name, path, address, attempts = 1) {
      const budget = budgetOf(name, path)
      if (budget === undefined) return NOTHING
      let verdict: AttemptVerdict
      try {
        verdict = await counter.attempt(name, rateLimitKey(address), weighed(budget, attempts))
      } catch (error) {
        onFailure(error)
        return NOTHING
      }
      const headers = rateLimitHeaders(verdict, budget, now())
      if (verdict.allowed) return { headers }
      const retryAfter = String(Math.max(1, Math.ceil(verdict.retryMs / 1000)))
      return { headers, failure: fail('rate-limited', name, { ...headers, 'retry-after': retryAfter }) }
    },
  }
}

/** Returns a budget of which one attempt costs as much as several, and at most the whole budget. */
function weighed(budget: Budget, attempts: number): Budget {
  return { ...budget, maxAttempts: Math.max(1, budget.maxAttempts / attempts) }
}

/** Spends budgets for one request, and collects the response headers about them. */
export interface RequestLimits {
  /** Spends attempts, by default one. Fails with `rate-limited`. */
  consume(name: BudgetName, attempts?: number): Promise<Failure | undefined>
  /** About the budget of `requests`, or about the one that rejected the request. */
  readonly headers: Readonly<HeaderRecord>
}

/** Creates the limits of one request. */
export function createRequestLimits(limiter: RateLimiter, path: string, address: string): RequestLimits {
  const headers: HeaderRecord = {}
  return {
    headers,
    async consume(name, attempts) {
      const limited = await limiter.consume(name, path, address, attempts)
      // The headers describe the budget that every request consumes, or the one that rejected the request.
      if (name !== 'renders' || limited.failure !== undefined) Object.assign(headers, limited.headers)
      return limited.failure
    },
  }
}

/** Returns the active budgets. */
function budgetsOf(config: Config['rateLimitConfig']): Partial<Record<BudgetName, Budget>> {
  if (!config.enabled) return {}
  const { maxAttempts, windowMs, internalMaxAttempts, badSignatureMaxAttempts, renderMaxAttempts } = config
  const budget = (attempts: number): Budget => ({ maxAttempts: attempts, windowMs })
  return {
    requests: budget(maxAttempts),
    internal: budget(internalMaxAttempts ?? maxAttempts),
    'bad-signatures': budget(badSignatureMaxAttempts ?? Math.max(1, Math.floor(maxAttempts / 10))),
    ...(renderMaxAttempts === undefined ? {} : { renders: budget(renderMaxAttempts) }),
  }
}

/** Whether a path is in the list, exactly or by a prefix that ends with `*`. `/_health` is never limited. */
function isSkipped(path: string, skipPaths: readonly string[]): boolean {
  return ['/_health', ...skipPaths].some((skipped) =>
    skipped.endsWith('*') ? path.startsWith(skipped.slice(0, -1)) : path === skipped,
  )
}

/** Returns the key of a client: an IPv4 address, or the /64 of an IPv6 address, which has one owner. */
function rateLimitKey(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv4
    ? parsed.toString()
    : `${parsed.parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')}::/64`
}

/**
 * Returns `RateLimit-*` (in seconds from now) and the older `X-RateLimit-*` (with the reset in unix seconds).
 */
function rateLimitHeaders(
  { remaining, resetMs }: AttemptVerdict,
  { maxAttempts }: Budget,
  nowMs: number,
): HeaderRecord {
  const left: HeaderRecord =
    remaining === undefined
      ? {}
      : { 'ratelimit-remaining': String(remaining), 'x-ratelimit-remaining': String(remaining) }
  return {
    ...left,
    'ratelimit-limit': String(maxAttempts),
    'ratelimit-reset': String(Math.ceil(resetMs / 1000)),
    'x-ratelimit-limit': String(maxAttempts),
    'x-ratelimit-reset': String(Math.ceil((nowMs + resetMs) / 1000)),
  }
}
