import { type AttemptCounter, checkAttempt, type Spent } from '@media-proxy/shared/rate-limit.ts'
import { LRUCache } from 'lru-cache'

/** Beyond so many clients the one not seen for longest is forgotten: a flood of addresses must not fill the memory. */
const MAX_CLIENTS = 100_000

/** What clients have spent, in this process's memory. `now` in milliseconds, monotonic. */
export function createAttemptCounter(now: () => number): AttemptCounter {
  // Bounded by a size of 1 each: room for a number of entries would be taken at once.
  const spentByClient = new LRUCache<string, Spent>({ maxSize: MAX_CLIENTS, sizeCalculation: () => 1 })
  return {
    async attempt(name, client, budget) {
      const key = `${name} ${client}`
      const { verdict, spent } = checkAttempt(spentByClient.get(key), now(), budget)
      spentByClient.set(key, spent)
      return verdict
    },
  }
}
