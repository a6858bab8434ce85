import { join } from 'node:path'
import { type BilledOperations, EDGE_COSTS, priceOf } from '@media-proxy/shared/edge-costs.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { until } from '../until.ts'
import { createWorkerHarness } from '../worker-harness.ts'

const SETTINGS = {
  MEDIA_PROXY_NODE_ENV: 'test',
  MEDIA_PROXY_SECRET_KEY: 'secret',
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
  // With a ratio of 0, ordinary requests log nothing, so
  // a line that appears is logged for every such request.
  MEDIA_PROXY_TELEMETRY_EDGE_LOG_RATIO: '0',
}
const LIMITS = {
  MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
  MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '1000',
  MEDIA_PROXY_RATE_LIMIT_RENDER_MAX_ATTEMPTS: '300',
}

/** The timers of the edge last this much longer, so that every response of the origin is quick. */
const QUICK_FACTOR = 1000

interface Counts {
  readonly calls: Readonly<Record<string, number>>
  readonly objects: Readonly<Record<string, number>>
  readonly rows: number
  readonly lines: number
}

const total = (calls: Readonly<Record<string, number>>) =>
  Object.values(calls).reduce((sum, count) => sum + count, 0)

describe.each(['platform', 'ledger'] as const)('the cost of a request at the edge with the %s', (driver) => {
  let origin: Service
  let edge: { readonly url: string; close(): Promise<unknown> }

  beforeAll(async () => {
    origin = await openFilesystemOrigin(SETTINGS)
    const harness = createWorkerHarness({
      workers: [
        {
          configPath: join(import.meta.dirname, 'wrangler.toml'),
          vars: {
            ...SETTINGS,
            ...LIMITS,
            MEDIA_PROXY_RATE_LIMIT_EDGE_DRIVER: driver,
            MEDIA_PROXY_ORIGIN_URL: origin.originUrl,
          },
        },
      ],
    })
    const { url } = await harness.listen()
    edge = { url: url.origin, close: () => harness.close() }
    await origin.put('avatars/1/a', await halvesPng(64, 48))
    await origin.put('avatars/1/slow', await halvesPng(64, 48))
    await origin.put('attachments/1/a.bin', Buffer.alloc(1000, 7))
    await setTimerFactor(QUICK_FACTOR)
    // The purge log is read once every ten seconds, not for each request.
    await send(edge.url, '/avatars/1/warm.webp')
  })
  afterAll(async () => {
    await edge.close()
    await origin.close()
  })

  /** Makes the timers of the edge last longer. */
  const setTimerFactor = (factor: number) => send(edge.url, `/__timers?factor=${factor}`)

  const counts = async (): Promise<Counts> => JSON.parse((await send(edge.url, '/__counts')).body.toString())

  async function cost(work: () => Promise<unknown>): Promise<BilledOperations> {
    const before = await counts()
    await work()
    const after = await counts()
    return {
      durableObjects: total(after.calls) - total(before.calls),
      rows: after.rows - before.rows,
      lines: after.lines - before.lines,
    }
  }

  const expected = (name: string) => EDGE_COSTS.find((row) => row.name === name)?.[driver]

  async function hit(path: string): Promise<void> {
    await until(async () => (await send(edge.url, path)).headers['x-cache'] === 'HIT')
  }

  it('is as documented for a quick miss and for a hit', async () => {
    const path = '/avatars/1/a.webp?size=32'
    const miss = await cost(async () => expect((await send(edge.url, path)).headers['x-cache']).toBe('MISS'))
    expect(miss).toEqual(expected('miss, quick'))
    await hit(path)
    expect(await cost(() => send(edge.url, path))).toEqual(expected('hit'))
  })

  it('is as documented for a slow miss', async () => {
    await setTimerFactor(1)
    const { calls } = await counts()
    const reads = origin.holdReads()
    const slow = await cost(async () => {
      const answer = send(edge.url, '/avatars/1/slow.webp?size=32')
      await until(async () => (await counts()).calls.FLIGHTS !== calls.FLIGHTS)
      reads.release()
      await answer
    })
    await setTimerFactor(QUICK_FACTOR)
    expect(slow).toEqual(expected('miss, slow'))
  })

  it('is as documented for a range of a cached file', async () => {
    await hit('/attachments/1/a.bin')
    const part = await cost(async () => {
      const { status, headers } = await send(edge.url, '/attachments/1/a.bin', {
        headers: { range: 'bytes=5-9' },
      })
      expect([status, headers['x-cache']]).toEqual([206, 'HIT'])
    })
    expect(part).toEqual(expected('range of what is kept'))
  })

  it('does not include a coordinator for missing objects', async () => {
    const before = await counts()
    expect(await cost(() => send(edge.url, '/avatars/1/none.webp'))).toEqual(expected('missing object'))
    for (let index = 0; index < 60; index += 1) await send(edge.url, `/avatars/1/none${index}.webp`)
    const after = await counts()
    expect([after.objects.FLIGHTS, after.rows]).toEqual([before.objects.FLIGHTS, before.rows])
  })

  it('is as documented for a purge', async () => {
    const purge = () =>
      send(edge.url, '/_purge', {
        method: 'POST',
        headers: { 'x-internal-secret': 'secret' },
        body: JSON.stringify({ object: 'avatars/1/a' }),
      })
    expect(await cost(purge)).toEqual(expected('purge'))
  })
})

it('hits and misses stay within their price limits', () => {
  for (const { name, platform } of EDGE_COSTS) {
    if (name === 'hit' || name === 'range of what is kept')
      expect(priceOf(platform)).toBeLessThanOrEqual(0.35)
    if (name.startsWith('miss')) expect(priceOf(platform)).toBeLessThanOrEqual(1)
    if (name !== 'purge') expect(platform.rows).toBe(0)
  }
})
