/**
 * `pnpm bench start`: measures the time until a new process responds, renders, and is ready with its model.
 */

import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { type BenchRow, median } from './measure.ts'
import { type BenchService, startService } from './service.ts'

const STARTS = 5
/** An orchestrator checks the health after a second at the earliest. */
const HEALTH_MS = 1000
const FIRST_RENDITION_MS = 1500
const READY_MS = 2000

export async function benchStart(): Promise<readonly BenchRow[]> {
  const image = await halvesPng(800, 600)
  const healths: number[] = []
  const renditions: number[] = []
  const readies: number[] = []
  for (let at = 0; at < STARTS; at += 1) {
    await timeStart({ MEDIA_PROXY_NSFW_ENABLED: 'false' }, async (service, elapsedMs) => {
      await answered(service, '/_health')
      healths.push(elapsedMs())
      await service.put('cdn/avatars/1/a', image)
      await answered(service, '/avatars/1/a.webp?size=128')
      renditions.push(elapsedMs())
    })
    await timeStart({ MEDIA_PROXY_NSFW_ENABLED: 'true' }, async (service, elapsedMs) => {
      // Like the checks of an orchestrator, but without pauses.
      while ((await send(service.url, '/_ready')).status !== 200);
      readies.push(elapsedMs())
    })
  }
  return [
    row('start: /_health', healths, HEALTH_MS),
    row('start: first rendition', renditions, FIRST_RENDITION_MS),
    row('start: ready with its model', readies, READY_MS),
  ]
}

async function timeStart(
  settings: Readonly<Record<string, string>>,
  measure: (service: BenchService, elapsedMs: () => number) => Promise<void>,
): Promise<void> {
  const startedAt = performance.now()
  const service = await startService(settings)
  try {
    await measure(service, () => performance.now() - startedAt)
  } finally {
    await service.close()
  }
}

async function answered(service: BenchService, path: string): Promise<void> {
  const { status } = await send(service.url, path)
  if (status !== 200) throw new Error(`${status} for ${path}`)
}

function row(name: string, milliseconds: readonly number[], atMost: number): BenchRow {
  return {
    name,
    value: median(milliseconds),
    unit: 'ms',
    target: { atMost },
    note: `${STARTS} starts, the slowest ${Math.max(...milliseconds).toFixed(0)} ms`,
  }
}
