/**
 * A simulation, not a measurement: how many renders remain, after caches and coalescing, for 1 to 100 origins
 * behind one load balancer, with and without a shared bucket of renditions, under the Zipf load of a chat.
 * The load is what the edge forwards, so every request is a cache miss there.
 */

import { LRUCache } from 'lru-cache'
import { seededRandom } from '../seeded-random.ts'
import type { BenchRow } from './measure.ts'

const RENDITIONS = 50_000
const REQUESTS = 400_000
/** The number of renditions that fit into the memory of one origin. */
const MEMORY_RENDITIONS = 10_000
/**
 * The number of requests that arrive during one render. Those
 * for the same rendition on the same origin are coalesced.
 */
const ARRIVALS_A_RENDER = 20
const ORIGINS = [1, 3, 10, 30, 100] as const

export async function benchScaling(): Promise<readonly BenchRow[]> {
  return ORIGINS.flatMap((origins) =>
    [false, true].map((shared) => {
      const { renders, unique, stampede } = simulate(origins, shared)
      return {
        name: `${origins} origins, ${shared ? 'sharing' : 'not sharing'} renditions: renders per unique rendition`,
        value: renders / unique,
        unit: 'times' as const,
        note: `${renders} renders of ${unique}; most at once for one rendition: ${stampede}`,
      }
    }),
  )
}

function simulate(origins: number, shared: boolean) {
  const random = seededRandom(29)
  const pick = zipf(RENDITIONS, random)
  const memories = Array.from(
    { length: origins },
    () => new LRUCache<number, true>({ max: MEMORY_RENDITIONS }),
  )
  const inFlight = Array.from({ length: origins }, () => new Map<number, number>())
  /** The time at which each rendition is in the bucket. */
  const bucket = new Map<number, number>()
  const seen = new Set<number>()
  let renders = 0
  let stampede = 0
  for (let now = 0; now < REQUESTS; now += 1) {
    const rendition = pick()
    const origin = Math.floor(random() * origins)
    seen.add(rendition)
    const memory = memories[origin]
    const ofOrigin = inFlight[origin]
    if (memory === undefined || ofOrigin === undefined) continue
    const underWay = (ofOrigin.get(rendition) ?? -1) > now
    if (memory.get(rendition) !== undefined || underWay) continue
    memory.set(rendition, true)
    if (shared && (bucket.get(rendition) ?? Number.POSITIVE_INFINITY) <= now) continue
    renders += 1
    ofOrigin.set(rendition, now + ARRIVALS_A_RENDER)
    if (!bucket.has(rendition)) bucket.set(rendition, now + ARRIVALS_A_RENDER)
    const together = inFlight.filter((other) => (other.get(rendition) ?? -1) > now).length
    stampede = Math.max(stampede, together)
  }
  return { renders, unique: seen.size, stampede }
}

function zipf(count: number, random: () => number): () => number {
  const cumulative = new Float64Array(count)
  let total = 0
  for (let rank = 0; rank < count; rank += 1) {
    total += 1 / (rank + 1)
    cumulative[rank] = total
  }
  return () => {
    const wanted = random() * total
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulative[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
