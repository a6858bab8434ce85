/** A mixed load for minutes: what must not grow does not. Writes a chart of the memory beside the figures. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lineChart } from './chart.ts'
import { dayOfRequests, fillChat } from './chat.ts'
import { rateRow, type Sample } from './latency.ts'
import { type BenchRow, inFlightWhile } from './measure.ts'
import { lookAt, type ProcessLook } from './process-look.ts'
import { createTimedClient, startService } from './service.ts'

/** `BENCH_SOAK_MINUTES`. */
const MINUTES = Number(process.env.BENCH_SOAK_MINUTES ?? 10)
/** What is left out of the slope: the cache fills, code is compiled. */
const WARM_UP_SHARE = 0.4
/** So small that it is full long before the warm-up has ended: what still grows then is no cache. */
const CACHE_MIB = 16
const CLIENTS = 16
const SAMPLE_MS = 1000

interface TimedLook extends ProcessLook {
  readonly seconds: number
}

export async function benchSoak(): Promise<readonly BenchRow[]> {
  const service = await startService({ MEDIA_PROXY_CACHE_MEMORY_BYTES: String(CACHE_MIB * 1024 * 1024) })
  const client = createTimedClient(service.url)
  const looks: TimedLook[] = []
  let sampler: NodeJS.Timeout | undefined
  try {
    const requests = dayOfRequests(await fillChat(service), 200_000, 23)
    const before = lookAt(service.pid)
    const samples: Sample[] = []
    const startedAt = performance.now()
    const elapsed = () => (performance.now() - startedAt) / 1000
    sampler = setInterval(() => looks.push({ seconds: elapsed(), ...lookAt(service.pid) }), SAMPLE_MS)
    await inFlightWhile(
      () => elapsed() < MINUTES * 60,
      CLIENTS,
      async (index) => {
        // Every second one is new, so that renders never end; the others are what a day brings.
        const path = requests[index % requests.length] ?? '/'
        samples.push(await client.get(index % 2 === 0 ? path : `${path}&blur=${1 + (index % 100)}`))
      },
    )
    await client.close()
    const after = lookAt(service.pid)
    const warm = looks.slice(Math.floor(looks.length * WARM_UP_SHARE))
    writeChart(looks)
    return [
      rateRow(`soak of ${MINUTES} minutes`, samples, elapsed()),
      {
        name: 'soak: largest RSS',
        value: Math.max(...looks.map(({ rssMib }) => rssMib)),
        unit: 'MiB',
        target: { atMost: 700 },
      },
      {
        name: 'soak: growth of the RSS after the warm-up, a minute',
        value: slopePerMinute(warm),
        unit: 'MiB',
        target: { atMost: 1 },
      },
      {
        name: 'soak: open files and sockets more than before',
        value: after.files - before.files,
        unit: 'count',
        target: { atMost: 20 },
      },
      { name: 'soak: children left', value: after.children, unit: 'count', target: { atMost: 0 } },
    ]
  } finally {
    clearInterval(sampler)
    await service.close()
  }
}

/** Least squares. */
function slopePerMinute(looks: readonly TimedLook[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const times = looks.map(({ seconds }) => seconds / 60)
  const sizes = looks.map(({ rssMib }) => rssMib)
  const [time, size] = [mean(times), mean(sizes)]
  const covariance = times.reduce((sum, t, index) => sum + (t - time) * ((sizes[index] ?? size) - size), 0)
  return covariance / times.reduce((sum, t) => sum + (t - time) ** 2, 0)
}

function writeChart(looks: readonly TimedLook[]): void {
  const folder = join(import.meta.dirname, '../../bench-results')
  mkdirSync(folder, { recursive: true })
  const points = looks.map(({ seconds, rssMib }) => ({ x: seconds / 60, y: rssMib }))
  writeFileSync(
    join(folder, 'soak.svg'),
    lineChart({ title: 'Resident memory of the origin under a mixed load', x: 'minutes', y: 'MiB', points }),
  )
}
