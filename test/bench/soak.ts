/** A mixed load for minutes: what must not grow does not. Writes a chart of the memory beside the figures. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import { lineChart } from './chart.ts'
import { dayOfRequests, fillChat } from './chat.ts'
import { rateRow, type Sample } from './latency.ts'
import { type BenchRow, inFlightWhile } from './measure.ts'
import { lookAt, type ProcessLook } from './process-look.ts'
import { createTimedClient, startService } from './service.ts'

/** `BENCH_SOAK_MINUTES`. */
const MINUTES = Number(process.env.BENCH_SOAK_MINUTES ?? 10)
/** What is left out of the slope besides the filling of the cache: code is compiled, arenas find their size. */
const WARM_UP_SHARE = 0.4
const CLIENTS = 16
const SAMPLE_MS = 1000

interface TimedLook extends ProcessLook {
  readonly seconds: number
}

export async function benchSoak(): Promise<readonly BenchRow[]> {
  const service = await startService()
  const client = createTimedClient(service.url)
  const looks: TimedLook[] = []
  let sampler: NodeJS.Timeout | undefined
  try {
    const requests = dayOfRequests(await fillChat(service), 200_000, 23)
    const usual = (index: number) => requests[index % requests.length] ?? '/'
    // 97 divides no number of requests that is used here, so that the second time around is new as well.
    const fresh = (index: number) => `${usual(index)}&blur=${1 + (index % 97)}`
    const before = lookAt(service.pid)
    // A cache that fills grows: it has to be full before growth tells anything.
    let full = false
    await inFlightWhile(
      () => !full,
      CLIENTS,
      async (index) => {
        await client.get(fresh(index))
        if (index % 500 === 0) full = (await evictions(service.url)) > 0
      },
    )

    const samples: Sample[] = []
    const startedAt = performance.now()
    const elapsed = () => (performance.now() - startedAt) / 1000
    sampler = setInterval(() => looks.push({ seconds: elapsed(), ...lookAt(service.pid) }), SAMPLE_MS)
    await inFlightWhile(
      () => elapsed() < MINUTES * 60,
      CLIENTS,
      // Every second one is new, so that renders never end; the others are what a day brings.
      async (index) => samples.push(await client.get(index % 2 === 0 ? usual(index) : fresh(index))),
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

async function evictions(url: string): Promise<number> {
  const { body } = await request(`${url}/_metrics`)
  return Number(/^media_proxy_rendition_cache_evictions_total (\d+)/m.exec(await body.text())?.[1] ?? 0)
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
