/** A hit at the edge against a bare worker that answers from the same cache, in the same runtime. */

import { join } from 'node:path'
import { ORDINARY_LOG_RATIO } from '@media-proxy/shared/edge-costs.ts'
import { createTestHarness } from 'wrangler'
import { openFilesystemOrigin } from '../doors.ts'
import { halvesPng } from '../fixtures.ts'
import { type BenchRow, comparePair, inFlight } from './measure.ts'

const CONNECTIONS = 16
const PATH = '/avatars/1/a.webp?size=128'

export async function benchEdge(): Promise<readonly BenchRow[]> {
  const origin = await openFilesystemOrigin()
  await origin.put('avatars/1/a', await halvesPng(400, 300))
  const vars = {
    MEDIA_PROXY_NODE_ENV: 'test',
    MEDIA_PROXY_ORIGIN_URL: origin.originUrl,
    // As in production.
    MEDIA_PROXY_TELEMETRY_EDGE_LOG_RATIO: String(ORDINARY_LOG_RATIO),
  }
  const harness = createTestHarness({
    workers: [
      { configPath: join(import.meta.dirname, '../../wrangler.toml'), vars },
      { configPath: join(import.meta.dirname, 'bare-worker.toml') },
    ],
  })
  await harness.listen()
  try {
    // The bare one answers the very bytes that the gateway does.
    const gateway = harness.getWorker('media-proxy-edge')
    const bare = harness.getWorker('media-proxy-bare')
    const body = await (await gateway.fetch(PATH)).arrayBuffer()
    await bare.fetch('/fill', { method: 'POST', body })
    return [
      await comparePair({
        bench: 'a hit at the edge',
        subject: {
          name: 'the gateway',
          run: (count) => inFlight(count, CONNECTIONS, () => hit(gateway)),
        },
        baseline: {
          name: 'a bare cache match',
          run: (count) => inFlight(count, CONNECTIONS, () => hit(bare)),
        },
        units: 1500,
        rounds: 5,
        atLeast: 0.85,
      }),
    ]
  } finally {
    await harness.close()
    await origin.close()
  }
}

interface BenchedWorker {
  fetch(path: string): Promise<{ readonly ok: boolean; arrayBuffer(): Promise<ArrayBuffer> }>
}

async function hit(worker: BenchedWorker): Promise<void> {
  const response = await worker.fetch(PATH)
  if (!response.ok) throw new Error('not a hit')
  await response.arrayBuffer()
}
