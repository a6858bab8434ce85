/**
 * Measures cache hits at the edge against a plain worker
 * that answers from the same cache, in the same runtime.
 */

import { join } from 'node:path'
import { ORDINARY_LOG_RATIO } from '@media-proxy/shared/edge-costs.ts'
import { halvesPng } from '../fixtures.ts'
import { openFilesystemOrigin } from '../services.ts'
import { createWorkerHarness } from '../worker-harness.ts'
import { type BenchRow, comparePair, inFlight } from './measure.ts'

const CONNECTIONS = 16
const PATH = '/avatars/1/a.webp?size=128'
/** Headers that belong to one response and are not cached. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set(['connection', 'date', 'transfer-encoding'])

export async function benchEdge(): Promise<readonly BenchRow[]> {
  const origin = await openFilesystemOrigin()
  await origin.put('avatars/1/a', await halvesPng(400, 300))
  const vars = {
    MEDIA_PROXY_NODE_ENV: 'test',
    MEDIA_PROXY_ORIGIN_URL: origin.originUrl,
    // The ratio of production.
    MEDIA_PROXY_TELEMETRY_EDGE_LOG_RATIO: String(ORDINARY_LOG_RATIO),
  }
  const harness = createWorkerHarness({
    workers: [
      { configPath: join(import.meta.dirname, '../../wrangler.toml'), vars },
      { configPath: join(import.meta.dirname, 'bare-worker.toml') },
    ],
  })
  await harness.listen()
  try {
    const gateway = harness.getWorker('media-proxy-edge')
    const bare = harness.getWorker('media-proxy-bare')
    const answer = await gateway.fetch(PATH)
    const body = await answer.arrayBuffer()
    const fill = (path: string, headers: Readonly<Record<string, string>>) =>
      bare.fetch(path, { method: 'POST', body, headers: { 'x-headers': JSON.stringify(headers) } })
    const endToEndHeaders = [...answer.headers].filter(([name]) => !CONNECTION_HEADERS.has(name))
    // The overhead of the gateway is the difference to exactly
    // its response. A response with only two headers costs less.
    await fill('/same', Object.fromEntries(endToEndHeaders))
    await fill('/two', { 'content-type': 'image/webp', 'cache-control': 'public, max-age=3600' })
    const rowOf = (name: string, path: string, atLeast: number) =>
      comparePair({
        bench: 'a hit at the edge',
        subject: {
          name: 'the gateway',
          run: (count) => inFlight(count, CONNECTIONS, () => hit(gateway, PATH)),
        },
        baseline: { name, run: (count) => inFlight(count, CONNECTIONS, () => hit(bare, path)) },
        units: 1500,
        rounds: 5,
        atLeast,
      })
    return [
      await rowOf('a bare cache match of the same answer', '/same', 0.85),
      await rowOf('a bare cache match with two headers', '/two', 0.85),
    ]
  } finally {
    await harness.close()
    await origin.close()
  }
}

interface BenchedWorker {
  fetch(path: string): Promise<{ readonly ok: boolean; arrayBuffer(): Promise<ArrayBuffer> }>
}

async function hit(worker: BenchedWorker, path: string): Promise<void> {
  const response = await worker.fetch(path)
  if (!response.ok) throw new Error('not a hit')
  await response.arrayBuffer()
}
