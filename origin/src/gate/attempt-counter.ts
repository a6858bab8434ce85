import { type AttemptCounter, checkAttempt, type Spent } from '@media-proxy/shared/rate-limit.ts'
import { LRUCache } from 'lru-cache'

/** Beyond so many clients the one not seen for longest is forgotten: a flood of addresses must not fill the memory. */
const MAX_CLIENTS = 100_000

/** What clients have spent, in this process's memory. `now` in milliseconds, monotonic. */
export function createAttemptCounter(now: () => number): AttemptCounter {
  const spentByClient = new LRUCache<string, Spent>({ max: MAX_CLIENTS })
  return {
    async attempt(name, client, budget) {
      const key = `${name} ${client}`
      const { verdict, spent } = checkAttempt(spentByClient.get(key), now(), budget)
      spentByClient.set(key, spent)
      return verdict
    },
  }
}
