import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { expect, it } from 'vitest'
import { createTimedClient, startService } from '../bench/service.ts'
import { noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { until } from '../until.ts'

it('answers every request that it has accepted, and ends with 0', async () => {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false', MEDIA_PROXY_ENGINE_PROCESSES: '2' })
  await service.put('cdn/attachments/1/a.png', await noisePng(1500, 1000))
  const client = createTimedClient(service.url)
  await send(service.url, '/_health')
  const running = Array.from({ length: 20 }, (_, index) =>
    client.get(`/attachments/1/a.png?width=600&format=avif&quality=${index + 1}`),
  )
  await client.get('/_health')
  // The lane is full.
  await until(async () => (await send(service.url, '/_metrics')).body.toString().includes('lane="small"} 2'))
  process.kill(service.pid, 'SIGTERM')
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual(new Array(20).fill(200))
  await client.close()
  expect(await service.exited).toBe(0)
  await expect(send(service.url, '/_health')).rejects.toThrow()
  await service.close()
})

it('ends although its clients keep their connections and go on asking, and cuts none of them off', async () => {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false' })
  await service.put('cdn/attachments/1/a.png', await noisePng(400, 300))
  const dispatcher = new Agent({ connections: 8, pipelining: 1 })
  let asked = 0
  const ends: string[] = []
  const statuses = new Set<number>()
  const goOn = async () => {
    for (;;) {
      asked += 1
      const path = `/attachments/1/a.png?width=${1 + (asked % 399)}&format=webp`
      try {
        const { statusCode, body } = await request(service.url + path, { dispatcher })
        await body.arrayBuffer()
        statuses.add(statusCode)
      } catch (error) {
        ends.push(error instanceof Error && 'code' in error ? String(error.code) : String(error))
        return
      }
    }
  }
  const clients = Array.from({ length: 8 }, goOn)
  await until(() => asked >= 100)
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toBe(0)
  await Promise.all(clients)
  await dispatcher.close()
  expect([...statuses]).toEqual([200])
  // At the limit for work, connections that were still open would be cut off: ECONNRESET.
  expect(new Set(ends)).toEqual(new Set(['ECONNREFUSED']))
  await service.close()
})

it('does not wait for a receiver of traces that never answers', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const service = await startService({
    MEDIA_PROXY_NSFW_ENABLED: 'false',
    MEDIA_PROXY_TELEMETRY_OTLP_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    MEDIA_PROXY_TELEMETRY_SAMPLE_RATIO: '1',
    // The exporter itself would have patience for an hour.
    OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
  })
  expect((await send(service.url, '/avatars/1/none.png')).status).toBe(404)
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toBe(0)
  silent.closeAllConnections()
  silent.close()
  await service.close()
})

it('ends at once at a second signal, a second after the first', async () => {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false' })
  await service.put('cdn/attachments/1/a.bin', Buffer.alloc(50_000_000))
  const response = await fetch(`${service.url}/attachments/1/a.bin`)
  process.kill(service.pid, 'SIGTERM')
  // The first has been heard when nobody is let in any more; two at once would be one.
  await until(() =>
    send(service.url, '/_health').then(
      () => false,
      () => true,
    ),
  )
  await setTimeout(1100)
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toBe(1)
  // The process is gone, and the rest of the body with it.
  await response.body?.cancel().catch(() => undefined)
  await service.close()
})

it('takes a signal that a terminal and a parent send both for one', async () => {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false' })
  await service.put('cdn/attachments/1/a.bin', Buffer.alloc(50_000_000))
  const response = await fetch(`${service.url}/attachments/1/a.bin`)
  process.kill(service.pid, 'SIGINT')
  await setTimeout(200)
  process.kill(service.pid, 'SIGINT')
  expect((await response.arrayBuffer()).byteLength).toBe(50_000_000)
  expect(await service.exited).toBe(0)
  await service.close()
})
