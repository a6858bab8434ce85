/**
 * A mixed load for minutes, during which memory and other
 * resources must not grow. Also writes a chart of the memory.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lineChart } from './chart.ts'
import { dayOfRequests, fillChat } from './chat.ts'
import { rateRow, type Sample } from './latency.ts'
import { type BenchRow, inFlightWhile } from './measure.ts'
import { inspectProcess, treeMib } from './process-snapshot.ts'
import { createTimedClient, startService } from './service.ts'

/** Set with `BENCH_SOAK_MINUTES`. */
const MINUTES = Number(process.env.BENCH_SOAK_MINUTES ?? 20)
/** The share of the time that is excluded from the slope: the cache fills, and code is compiled. */
const WARM_UP_SHARE = 0.4
const CLIENTS = 16
/** For each sample, the kernel walks all pages of every process. */
const SAMPLE_MS = 5000
/** Background setup after the start takes less than this. */
const IDLE_MS = 5000

/** Proportional set sizes of the origin and of its engine. */
interface TimedSnapshot {
  readonly seconds: number
  readonly mib: number
}

export async function benchSoak(): Promise<readonly BenchRow[]> {
  const service = await startService()
  const client = createTimedClient(service.url)
  const snapshots: TimedSnapshot[] = []
  let sampler: NodeJS.Timeout | undefined
  try {
    while ((await client.get('/_ready')).status !== 200);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
    const idleMib = treeMib(service.pid)
    const requests = dayOfRequests(await fillChat(service), 200_000, 23)
    const before = inspectProcess(service.pid)
    const samples: Sample[] = []
    const startedAt = performance.now()
    const elapsed = () => (performance.now() - startedAt) / 1000
    sampler = setInterval(() => snapshots.push({ seconds: elapsed(), mib: treeMib(service.pid) }), SAMPLE_MS)
    await inFlightWhile(
      () => elapsed() < MINUTES * 60,
      CLIENTS,
      async (index) => {
        // Every second request is for a new rendition, so that
        // there are always renders. The others are those of a day.
        const path = requests[index % requests.length] ?? '/'
        samples.push(await client.get(index % 2 === 0 ? path : `${path}&blur=${1 + (index % 100)}`))
      },
    )
    await client.close()
    const after = inspectProcess(service.pid)
    const warm = snapshots.slice(Math.floor(snapshots.length * WARM_UP_SHARE))
    writeChart(snapshots)
    return [
      rateRow(`soak of ${MINUTES} minutes`, samples, elapsed()),
      {
        name: 'soak: PSS of the tree, idle with the model',
        value: idleMib,
        unit: 'MiB',
        target: { atMost: 340 },
      },
      {
        name: 'soak: largest PSS of the tree',
        value: Math.max(...snapshots.map(({ mib }) => mib)),
        unit: 'MiB',
        target: { atMost: 520 },
      },
      {
        name: 'soak: growth of the PSS after the warm-up, a minute',
        value: slopePerMinute(warm),
        unit: 'MiB',
        target: { atMost: 0.5 },
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

/** The slope by least squares. */
function slopePerMinute(snapshots: readonly TimedSnapshot[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const times = snapshots.map(({ seconds }) => seconds / 60)
  const sizes = snapshots.map(({ mib }) => mib)
  const [time, size] = [mean(times), mean(sizes)]
  const covariance = times.reduce((sum, t, index) => sum + (t - time) * ((sizes[index] ?? size) - size), 0)
  return covariance / times.reduce((sum, t) => sum + (t - time) ** 2, 0)
}

function writeChart(snapshots: readonly TimedSnapshot[]): void {
  const folder = join(import.meta.dirname, '../../bench-results')
  mkdirSync(folder, { recursive: true })
  const points = snapshots.map(({ seconds, mib }) => ({ x: seconds / 60, y: mib }))
  writeFileSync(
    join(folder, 'soak.svg'),
    lineChart({
      title: 'Memory of the origin and its engine under a mixed load (PSS)',
      x: 'minutes',
      y: 'MiB',
      points,
    }),
  )
}
