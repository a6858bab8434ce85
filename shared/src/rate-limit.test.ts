import { describe, expect, it } from 'vitest'
import { loadConfig } from './config/load.ts'
import { type Budget, checkAttempt, createRateLimiter, type Spent } from './rate-limit.ts'

/** Returns the verdicts of attempts at the given times. */
function attempts(times: readonly number[], budget: Budget) {
  let spent: Spent | undefined
  return times.map((now) => {
    const checked = checkAttempt(spent, now, budget)
    spent = checked.spent
    return checked.verdict
  })
}

describe('the rate limit', () => {
  it('allows exactly a burst', () => {
    const verdicts = attempts(new Array(9).fill(1000), { maxAttempts: 5, windowMs: 3000 })
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([...Array(5).fill(true), ...Array(4).fill(false)])
    expect(verdicts.map(({ remaining }) => remaining)).toEqual([4, 3, 2, 1, 0, 0, 0, 0, 0])
    expect(verdicts[8]).toMatchObject({ retryMs: 600, resetMs: 3000 })
  })

  it('restores one attempt every window / attempts', () => {
    const verdicts = attempts([0, 0, 0, 599, 600, 601, 1200, 4200, 4200], { maxAttempts: 5, windowMs: 3000 })
    expect(verdicts.every(({ allowed }) => allowed)).toBe(true)
    const tight = attempts([0, 999, 1000, 1999, 2000], { maxAttempts: 1, windowMs: 1000 })
    expect(tight.map(({ allowed }) => allowed)).toEqual([true, false, true, false, true])
  })

  it.each([
    [1, 100],
    [3, 1000],
    [7, 100],
    [100, 60_000],
    [999, 1234],
  ])('allows exactly %i of a burst in %i ms, despite fractions', (maxAttempts, windowMs) => {
    const verdicts = attempts(new Array(maxAttempts * 2).fill(1_795_000_000_123), { maxAttempts, windowMs })
    expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(maxAttempts)
    expect(verdicts[maxAttempts - 1]?.remaining).toBe(0)
  })

  it('forgets old attempts', () => {
    const verdicts = attempts([0, 0, 100_000], { maxAttempts: 2, windowMs: 1000 })
    expect(verdicts[2]).toMatchObject({ allowed: true, remaining: 1, resetMs: 500 })
  })
})

describe('the scope of the rate limit', () => {
  /** Creates a limiter that counts nothing and records whom it would count. */
  function limiterOf(skipPaths: readonly string[]) {
    const loaded = loadConfig('edge', { environment: { MEDIA_PROXY_ORIGIN_URL: 'http://origin.test' } })
    if (!loaded.ok) throw new Error(loaded.faults.join())
    const clients: string[] = []
    const limiter = createRateLimiter({
      config: { ...loaded.config.rateLimitConfig, enabled: true, skipPaths: [...skipPaths] },
      counter: {
        async attempt(_, client, budget) {
          clients.push(client)
          return checkAttempt(undefined, 0, budget).verdict
        },
      },
      now: () => 0,
      onFailure(error) {
        throw error
      },
    })
    return { limiter, clients }
  }

  it.each([
    ['192.0.9.1', '192.0.9.1'],
    ['::ffff:192.0.9.1', '192.0.9.1'],
    ['2606:4700:1:2:3:4:5:6', '2606:4700:1:2::/64'],
    ['2606:4700:1:2::', '2606:4700:1:2::/64'],
    ['nonsense', 'unknown'],
  ])('counts the address %s as %s', async (address, key) => {
    const { limiter, clients } = limiterOf([])
    await limiter.consume('requests', '/', address)
    expect(clients).toEqual([key])
  })

  it.each([
    ['/_health', [], true],
    ['/avatars/1/a.webp', ['/avatars/*'], true],
    ['/avatars', ['/avatars/*'], false],
    ['/_ready', ['/_ready'], true],
    ['/_ready/x', ['/_ready'], false],
    ['/anything', ['*'], true],
  ])('%s with the skip list %j is skipped: %s', (path, list, verdict) => {
    expect(limiterOf(list).limiter.isLimited('requests', path)).toBe(!verdict)
  })
})
