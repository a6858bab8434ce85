/** The origin crashes under load and is restarted, while the edge stays in front of it. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type BenchService, startService } from '../bench/service.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdgeBefore, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { until } from '../until.ts'
import { expectNothingKept, HAS_PROC, snapshotAtRest } from './counts.ts'

const SETTINGS = {
  MEDIA_PROXY_NSFW_ENABLED: 'false',
  MEDIA_PROXY_SECRET_KEY: 'bench-secret',
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
}
const CLIENTS = 8
/** Enough for two starts of the origin, and hundreds of requests between them. */
const LIMIT_MS = scaleTimeout(60_000)
const CACHED = '/avatars/1/a.webp?size=128'
/** Returns a path that is new to the edge. */
const fresh = (index: number) =>
  `/attachments/1/a.png?width=200&format=webp&blur=${1 + (index % 100)}&height=${50 + Math.floor(index / 100)}`

type Headers = Readonly<Record<string, string>>

interface Answer {
  readonly path: string
  readonly status: number
  readonly retryAfter: string | undefined
  readonly cache: string | undefined
}

describe.each(['SIGKILL', 'SIGTERM'] as const)('the edge, when the origin ends by %s', (signal) => {
  const origins: BenchService[] = []
  let load: ReturnType<typeof startLoad> | undefined
  let edge: Service

  beforeAll(async () => {
    const first = await startService(SETTINGS)
    origins.push(first)
    await first.put('cdn/avatars/1/a', await halvesPng(400, 400))
    await first.put('cdn/attachments/1/a.png', await halvesPng(400, 300))
    edge = await openEdgeBefore(
      {
        url: first.url,
        originUrl: first.url,
        put: first.put,
        log: [],
        storeOperations: [],
        slowReads: () => undefined,
        holdReads: () => ({ release: () => undefined }),
        close: async () => undefined,
      },
      SETTINGS,
    )
  })
  afterEach(() => load?.stop())
  afterAll(async () => {
    await edge.close()
    for (const origin of origins.reverse()) await origin.close()
  })

  it(
    'serves cached responses, answers 502 with Retry-After for others, and recovers',
    async () => {
      const [first] = origins
      if (first === undefined) throw new Error('no origin')
      expect((await send(edge.url, CACHED)).status).toBe(200)
      await until(async () => (await send(edge.url, CACHED)).headers['x-cache'] === 'HIT')

      load = startLoad(edge.url)
      const { answers } = load
      const good = () => answers.filter(({ status }) => status === 200).length
      await until(() => good() >= 50)

      process.kill(first.pid, signal)
      await first.exited
      const downFrom = answers.length
      await until(() => answers.length >= downFrom + 100)
      const down = answers.slice(downFrom + CLIENTS)
      expect(new Set(down.filter(({ path }) => path !== CACHED).map(({ status }) => status))).toEqual(
        new Set([502]),
      )

      const port = new URL(first.url).port
      const second = await startService({
        ...SETTINGS,
        MEDIA_PROXY_PORT: port,
        MEDIA_PROXY_STORAGE_DIR: first.directory,
      })
      origins.push(second)
      const upFrom = answers.length
      await until(() => answers.slice(upFrom).some(({ status, path }) => status === 200 && path !== CACHED))
      const wellFrom = answers.length + CLIENTS
      await until(() => answers.length >= wellFrom + 50)
      await load.stop()

      for (const { path, status, retryAfter, cache } of answers) {
        if (path === CACHED) expect([status, cache]).toEqual([200, 'HIT'])
        else if (status !== 200) expect([status, retryAfter]).toEqual([502, '5'])
      }
      expect(new Set(answers.slice(wellFrom).map(({ status }) => status))).toEqual(new Set([200]))
    },
    LIMIT_MS,
  )

  it.skipIf(!HAS_PROC)(
    'leaves no resources of hundreds of requests in the new origin (needs /proc)',
    async () => {
      const pid = origins.at(-1)?.pid ?? 0
      const sendHundred = async (first: number) => {
        const all = await Promise.all(
          Array.from({ length: 100 }, (_, index) => send(edge.url, fresh(first + index))),
        )
        expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
      }
      await sendHundred(100_000)
      const before = await snapshotAtRest(pid)
      for (const first of [200_000, 300_000, 400_000]) await sendHundred(first)
      // The edge keeps its connections to the origin for a minute, at most one for each concurrent request. A
      // leak of the three hundred requests is larger.
      await expectNothingKept(pid, { ...before, files: before.files + 100 })
    },
  )
})

/** Starts clients that send requests without a pause, every third one for a path that the edge has cached. */
function startLoad(url: string) {
  const answers: Answer[] = []
  let running = true
  let asked = 0
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (running) {
      asked += 1
      const path = asked % 3 === 0 ? CACHED : fresh(asked)
      // 0 stands for a broken connection.
      const { status, headers } = await send(url, path).catch(() => ({ status: 0, headers: {} as Headers }))
      answers.push({ path, status, retryAfter: headers['retry-after'], cache: headers['x-cache'] })
    }
  })
  return {
    answers,
    async stop(): Promise<void> {
      running = false
      await Promise.all(clients)
    },
  }
}
