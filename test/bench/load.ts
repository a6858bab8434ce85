/**
 * The whole service under load: a day of a chat, each lane at every concurrency, ten times its capacity, and
 * several lanes at once.
 */

import { seededRandom } from '../seeded-random.ts'
import { type Chat, dayOfRequests, fillChat } from './chat.ts'
import { formatLatencies, percentile, rateRow, type Sample } from './latency.ts'
import { type BenchRow, inFlight, inFlightWhile } from './measure.ts'
import { CONNECTIONS, createTimedClient, startService } from './service.ts'

const DAY_REQUESTS = 8000
const CLIENTS = 16
const CROWDS = [1, 4, 16, 64, 256] as const
const REQUESTS_A_CROWD = 300
/** Set with `BENCH_OVERLOAD_SECONDS`. Published figures use a minute. */
const OVERLOAD_SECONDS = Number(process.env.BENCH_OVERLOAD_SECONDS ?? 10)
const NEIGHBOUR_REQUESTS = 600
const REJECTED_WITHIN_MS = 50
const DEADLINE_MS = 30_000

export async function benchLoad(): Promise<readonly BenchRow[]> {
  return [
    ...(await benchDay('a chat day, cold start', {})),
    ...(await benchDay('the same day with all caches off', { MEDIA_PROXY_CACHE_MEMORY_BYTES: '0' })),
    ...(await benchCrowds()),
    ...(await benchOverload()),
    ...(await benchNeighbours()),
  ]
}

async function benchDay(name: string, settings: Record<string, string>): Promise<readonly BenchRow[]> {
  const service = await startService({ MEDIA_PROXY_TELEMETRY_LOG_LEVEL: 'info', ...settings })
  const client = createTimedClient(service.url)
  try {
    const requests = dayOfRequests(await fillChat(service), DAY_REQUESTS)
    const samples: Sample[] = []
    const startedAt = performance.now()
    await inFlight(requests.length, CLIENTS, async (index) => {
      samples.push(await client.get(requests[index] ?? '/'))
    })
    const seconds = (performance.now() - startedAt) / 1000
    const unique = new Set(requests).size
    const rendered = service.outcomes().filter((outcome) => outcome === 'rendered').length
    return [
      rateRow(name, samples, seconds),
      {
        name: `${name}: renders per unique rendition`,
        value: rendered / unique,
        unit: 'times',
        ...(Object.keys(settings).length === 0 ? { target: { atMost: 1 } } : {}),
        note: `${rendered} renders of ${unique} renditions for ${requests.length} requests`,
      },
    ]
  } finally {
    await client.close()
    await service.close()
  }
}

/** Returns a function that generates paths of new renditions of one kind. */
function freshPaths(chat: Chat, kind: Chat['objects'][number]['kind'], seed: number): () => string {
  const random = seededRandom(seed)
  const objects = chat.objects.filter((object) => object.kind === kind)
  let asked = 0
  return () => {
    asked += 1
    const path = objects[Math.floor(random() * objects.length)]?.paths[0] ?? '/'
    // Each pair of quality and blur is a distinct rendition. The pairs are in an order in which consecutive
    // ones differ much, because the cost grows with the blur. 7919 is prime.
    const pair = (asked * 7919) % 10_000
    return `${path}&quality=${1 + (pair % 100)}&blur=${1 + Math.floor(pair / 100)}`
  }
}

async function benchCrowds(): Promise<readonly BenchRow[]> {
  const service = await startService()
  try {
    const chat = await fillChat(service)
    const rows: BenchRow[] = []
    for (const kind of ['avatar', 'attachment', 'video'] as const) {
      const next = freshPaths(chat, kind, 11)
      for (const crowd of CROWDS) {
        const client = createTimedClient(service.url)
        const samples: Sample[] = []
        const count = Math.max(crowd, kind === 'video' ? REQUESTS_A_CROWD / 5 : REQUESTS_A_CROWD)
        const startedAt = performance.now()
        await inFlight(count, crowd, async () => {
          samples.push(await client.get(next()))
        })
        rows.push(rateRow(`${kind}s, ${crowd} clients`, samples, (performance.now() - startedAt) / 1000))
        await client.close()
      }
    }
    return rows
  } finally {
    await service.close()
  }
}

/** Sends ten times as many requests as the service can render, without waiting for responses. */
async function benchOverload(): Promise<readonly BenchRow[]> {
  const service = await startService()
  const client = createTimedClient(service.url)
  try {
    const next = freshPaths(await fillChat(service), 'avatar', 13)
    const capacity = await capacityOf(client, next)
    // Opens the connections in advance, as an edge has them, so that responses are measured rather than
    // connection setup.
    await inFlight(4 * CONNECTIONS, CONNECTIONS, () => client.get('/_health'))
    const samples: Sample[] = []
    const running: Promise<void>[] = []
    const startedAt = performance.now()
    for (let sent = 0; performance.now() - startedAt < OVERLOAD_SECONDS * 1000; ) {
      const due = ((performance.now() - startedAt) / 1000) * capacity * 10
      for (; sent < due; sent += 1)
        running.push(client.get(next()).then((sample) => void samples.push(sample)))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const inTime = samples.filter(({ status }) => status === 200).length
    await Promise.all(running)
    const admitted = samples.filter(({ status }) => status === 200).map(({ milliseconds }) => milliseconds)
    const rejected = samples.filter(({ status }) => status === 503).map(({ milliseconds }) => milliseconds)
    const late = rejected.filter((milliseconds) => milliseconds > REJECTED_WITHIN_MS).length
    const others = samples.length - admitted.length - rejected.length
    return [
      {
        name: 'overload: throughput to that at capacity',
        value: inTime / OVERLOAD_SECONDS / capacity,
        unit: 'times',
        target: { atLeast: 0.9 },
        note: `${(inTime / OVERLOAD_SECONDS).toFixed(1)} to ${capacity.toFixed(1)} per second`,
      },
      {
        name: 'overload: admitted, p99',
        value: percentile(admitted, 0.99),
        unit: 'ms',
        target: { atMost: DEADLINE_MS },
        note: formatLatencies(admitted),
      },
      {
        name: 'overload: rejected with 503, p99',
        value: percentile(rejected, 0.99),
        unit: 'ms',
        target: { atMost: REJECTED_WITHIN_MS },
        note: `${rejected.length} rejected, ${late} of them later than that; ${formatLatencies(rejected)}`,
      },
      {
        name: 'overload: neither answered nor rejected',
        value: others,
        unit: 'count',
        target: { atMost: 0 },
      },
    ]
  } finally {
    await client.close()
    await service.close()
  }
}

type TimedClient = ReturnType<typeof createTimedClient>

async function capacityOf(client: TimedClient, next: () => string): Promise<number> {
  await inFlight(200, 8, () => client.get(next()))
  const startedAt = performance.now()
  await inFlight(2000, 8, () => client.get(next()))
  return 2000 / ((performance.now() - startedAt) / 1000)
}

/** Measures avatars while videos use their whole lane. */
async function benchNeighbours(): Promise<readonly BenchRow[]> {
  const service = await startService()
  const client = createTimedClient(service.url)
  try {
    const chat = await fillChat(service)
    const video = freshPaths(chat, 'video', 17)
    const avatar = freshPaths(chat, 'avatar', 19)
    const alone: Sample[] = []
    await inFlight(NEIGHBOUR_REQUESTS, 2, async () => alone.push(await client.get(avatar())))
    const beside: Sample[] = []
    let done = false
    const videos = inFlightWhile(
      () => !done,
      16,
      () => client.get(video()),
    )
    await inFlight(NEIGHBOUR_REQUESTS, 2, async () => beside.push(await client.get(avatar())))
    done = true
    await videos
    const times = beside.map(({ milliseconds }) => milliseconds)
    return [
      {
        name: 'avatars beside videos that fill their lane, p99',
        value: percentile(times, 0.99),
        unit: 'ms',
        target: { atMost: 150 },
        note: `${formatLatencies(times)}; alone: ${formatLatencies(alone.map(({ milliseconds }) => milliseconds))}`,
      },
    ]
  } finally {
    await client.close()
    await service.close()
  }
}
