/**
 * Rate limits by client, the same at both doors: the generic cell rate algorithm, which needs one number a client
 * and budget, allows a burst, and gives back one attempt at a time (ITU-T I.371, annex A; "virtual scheduling").
 */

import ipaddr from 'ipaddr.js'
import type { Config } from './config/schema.ts'
import { type Failure, fail } from './response/failure.ts'
import type { HeaderRecord } from './response/headers.ts'

/** What a client may consume: `maxAttempts` at once, all of it again after `windowMs`. */
export interface Budget {
  readonly maxAttempts: number
  readonly windowMs: number
}

export type BudgetName = 'requests' | 'internal' | 'bad-signatures' | 'renders'

export interface Verdict {
  readonly allowed: boolean
  /** Attempts left at once, now; undefined where the counter does not tell. */
  readonly remaining: number | undefined
  /** Milliseconds until the whole budget is there again. */
  readonly resetMs: number
  /** Milliseconds until the next attempt can pass; 0 where this one did. */
  readonly retryMs: number
}

/** What a client had spent of a budget at a moment. It leaks away at one millisecond a millisecond. */
export interface Spent {
  readonly spentMs: number
  readonly atMs: number
}

/** Keeps the rounding of many fractions from refusing the last attempt of a burst. */
const TOLERANCE_INTERVALS = 1e-6

/**
 * Checks one attempt. `before` is what the attempt before left behind (undefined at the first), on the clock of
 * `nowMs`; the result's must be kept for the next, and means nothing any more once its time has passed. (Kept as
 * an amount, not as the algorithm's "theoretical arrival time": on a clock of 13 digits, fractions get lost.)
 */
export function checkAttempt(
  before: Spent | undefined,
  nowMs: number,
  { maxAttempts, windowMs }: Budget,
): { readonly verdict: Verdict; readonly spent: Spent } {
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

/** Keeps what clients have spent. `client` is a key of `rateLimitKey`. */
export interface AttemptCounter {
  attempt(name: BudgetName, client: string, budget: Budget): Promise<Verdict>
}

/** The outcome of a limit: a refusal, or what the answer says of the budget. */
export interface Limited {
  readonly failure?: Failure
  readonly headers: Readonly<HeaderRecord>
}

export interface RateLimiter {
  /** Whether there is an active budget of that name for a path. */
  limits(name: BudgetName, path: string): boolean
  /** Spends attempts of a client, one where nothing is said. Without an active budget of that name everything passes. */
  consume(name: BudgetName, path: string, address: string, attempts?: number): Promise<Limited>
}

export interface RateLimiterOptions {
  readonly config: Config['rateLimitConfig']
  readonly counter: AttemptCounter
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Told when the counter fails; the request then passes. */
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
    limits: (name, path) => budgetOf(name, path) !== undefined,
    async consume(name, path, address, attempts = 1) {
      const budget = budgetOf(name, path)
      if (budget === undefined) return NOTHING
      let verdict: Verdict
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

/** The budget of which one attempt is as much as so many; all of it, where they are more. */
function weighed(budget: Budget, attempts: number): Budget {
  return { ...budget, maxAttempts: Math.max(1, budget.maxAttempts / attempts) }
}

/** Spends budgets of one client, and remembers what its answer has to say of them. */
export interface RequestLimits {
  consume(name: BudgetName, attempts?: number): Promise<Failure | undefined>
  readonly headers: Readonly<HeaderRecord>
}

/** The budgets of one request. */
export function createRequestLimits(limiter: RateLimiter, path: string, address: string): RequestLimits {
  const headers: HeaderRecord = {}
  return {
    headers,
    async consume(name, attempts) {
      const limited = await limiter.consume(name, path, address, attempts)
      // The answer tells of the budget that every request consumes, or of the one that refused it.
      if (name !== 'renders' || limited.failure !== undefined) Object.assign(headers, limited.headers)
      return limited.failure
    },
  }
}

/** The budgets that are active. */
export function budgetsOf(config: Config['rateLimitConfig']): Partial<Record<BudgetName, Budget>> {
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

/** A path is skipped where the list names it, or a beginning of it that ends in `*`. Health is never limited. */
export function isSkipped(path: string, skipPaths: readonly string[]): boolean {
  return ['/_health', ...skipPaths].some((skipped) =>
    skipped.endsWith('*') ? path.startsWith(skipped.slice(0, -1)) : path === skipped,
  )
}

/** Who shares a budget: an IPv4 address, or the /64 of an IPv6 one, since whoever has one has all of them. */
export function rateLimitKey(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv4
    ? parsed.toString()
    : `${parsed.parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')}::/64`
}

/** `RateLimit-*` (seconds from now) and their older twins (`X-RateLimit-Reset` in unix seconds). */
function rateLimitHeaders(
  { remaining, resetMs }: Verdict,
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
