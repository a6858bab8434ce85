import { type AttemptCounter, checkAttempt, type Spent } from '@media-proxy/shared/rate-limit.ts'
import { LRUCache } from 'lru-cache'

/**
 * The maximum number of clients to remember. Beyond it, the least recently seen one is forgotten, so that a
 * flood of addresses cannot fill the memory.
 */
const MAX_CLIENTS = 100_000

/** Counts the attempts of clients, in the memory of this process. `now` is monotonic, in milliseconds. */
export function createAttemptCounter(now: () => number): AttemptCounter {
  // Each entry has a size of 1. With a maximum number of
  // entries instead, the memory would be allocated in advance.
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
