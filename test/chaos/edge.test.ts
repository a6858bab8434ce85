/** The edge while its platform fails: its responses meanwhile, and its recovery afterwards. */

import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service } from '../services.ts'
import { until } from '../until.ts'
import { createWorkerHarness } from '../worker-harness.ts'

const SETTINGS = {
  MEDIA_PROXY_NODE_ENV: 'test',
  MEDIA_PROXY_SECRET_KEY: 'secret',
}
const DAY_MS = 86_400_000

let origin: Service
let edge: { readonly url: string; close(): Promise<unknown> }

beforeAll(async () => {
  origin = await openFilesystemOrigin(SETTINGS)
  const harness = createWorkerHarness({
    workers: [
      {
        configPath: join(import.meta.dirname, '../edge/faulty.toml'),
        vars: {
          ...SETTINGS,
          MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
          MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '1000000',
          MEDIA_PROXY_RATE_LIMIT_EDGE_DRIVER: 'ledger',
          MEDIA_PROXY_ORIGIN_URL: origin.originUrl,
        },
      },
    ],
  })
  const { url } = await harness.listen()
  edge = { url: url.origin, close: () => harness.close() }
  for (let index = 0; index < 12; index += 1) await origin.put(`avatars/1/${index}`, await halvesPng(64, 48))
})
afterAll(async () => {
  await edge.close()
  await origin.close()
})
beforeEach(() => injectFault(''))

const injectFault = (faults: string) => send(edge.url, `/__faults?${faults}`)
const ask = async (path: string) => {
  const { status, headers } = await send(edge.url, path)
  return { status, cache: headers['x-cache'] }
}
const becomesHit = (path: string) => until(async () => (await ask(path)).cache === 'HIT')

describe('the edge answers concurrent requests for an image, and caches it afterwards, when', () => {
  it.each([
    ['the coordinator fails', 'flights=fail'],
    ['the coordinator hangs', 'flights=hang'],
    ['the ledger fails', 'ledgers=fail'],
    ['the ledger hangs', 'ledgers=hang'],
    ['the log of purges fails', 'purges=fail&clock=20000'],
    ['the log of purges hangs', 'purges=hang&clock=40000'],
    ['the cache cannot be read or written', 'cache=fail'],
    ['the cache cannot be written', 'put=fail'],
    ['all of them fail', 'flights=fail&ledgers=fail&purges=fail&cache=fail&clock=60000'],
  ])('%s', async (name, faults) => {
    const path = `/avatars/1/${name.length % 12}.webp?size=${16 + name.length}`
    await injectFault(faults)
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(path)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    await injectFault('')
    await becomesHit(path)
  })
})

it('a follower gives up at once when its leader is lost, not at the timeout', async () => {
  const answer = async (path: string) => JSON.parse((await send(edge.url, path)).body.toString())
  const led = answer('/__lead')
  const began = Date.now()
  const followed = await answer('/__follow')
  expect(await led).toEqual({ leads: true })
  expect(followed).toEqual({ leads: false, kind: 'abandoned' })
  // Less than the 35 seconds after which a silent leader is given up.
  expect(Date.now() - began).toBeLessThan(20_000)
})

it('a cached response is served while everything else fails', async () => {
  const path = '/avatars/1/3.webp?size=256'
  await becomesHit(path)
  await injectFault('flights=fail&ledgers=hang&purges=fail&clock=80000')
  expect(await ask(path)).toEqual({ status: 200, cache: 'HIT' })
})

it('a purge that cannot be recorded fails, and can be repeated', async () => {
  const path = '/avatars/1/4.webp?size=64'
  await becomesHit(path)
  const purge = () =>
    send(edge.url, '/_purge', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret', 'content-type': 'application/json' },
      body: JSON.stringify({ object: 'avatars/1/4' }),
    })
  await injectFault('purges=fail')
  expect((await purge()).status).toBeGreaterThanOrEqual(500)
  await injectFault('')
  expect((await purge()).status).toBe(200)
  expect((await ask(path)).cache).not.toBe('HIT')
})

describe('a clock that jumps', () => {
  it('ahead makes cached copies stale: they are revalidated and cached again', async () => {
    const path = '/avatars/1/5.webp?size=64'
    await becomesHit(path)
    await injectFault(`clock=${400 * DAY_MS}`)
    expect((await ask(path)).status).toBe(200)
    await becomesHit(path)
  })

  it('back does not make copies from the future valid: they are revalidated', async () => {
    const path = '/avatars/1/6.webp?size=64'
    await injectFault(`clock=${2 * DAY_MS}`)
    await becomesHit(path)
    await injectFault('')
    const before = origin.log.length
    expect((await ask(path)).status).toBe(200)
    expect(origin.log.length).toBeGreaterThan(before)
    await becomesHit(path)
  })

  it('does not use up the rate limit of a client', async () => {
    await injectFault(`clock=${DAY_MS}`)
    expect((await ask('/avatars/1/7.webp?size=64')).status).toBe(200)
    await injectFault(`clock=${-DAY_MS}`)
    expect((await ask('/avatars/1/7.webp?size=64')).status).toBe(200)
  })
})
