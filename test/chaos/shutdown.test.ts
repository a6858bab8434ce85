import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ORIGIN_ARGUMENTS } from '@media-proxy/scripts/origin-process.ts'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTimedClient, startProcess, startService } from '../bench/service.ts'
import { pathOf, SETTINGS, token } from '../e2e/relay-tokens.ts'
import { noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { scaleTimeout } from '../timeouts.ts'
import { until } from '../until.ts'

it('answers every accepted request, and exits with 0', async () => {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false', MEDIA_PROXY_ENGINE_PROCESSES: '2' })
  await service.put('cdn/attachments/1/a.png', await noisePng(1500, 1000))
  const client = createTimedClient(service.url)
  await send(service.url, '/_health')
  const running = Array.from({ length: 20 }, (_, index) =>
    client.get(`/attachments/1/a.png?width=600&format=avif&quality=${index + 1}`),
  )
  await client.get('/_health')
  // All places in the lane are taken.
  await until(async () => (await send(service.url, '/_metrics')).body.toString().includes('lane="quick"} 2'))
  process.kill(service.pid, 'SIGTERM')
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual(new Array(20).fill(200))
  await client.close()
  expect(await service.exited).toBe(0)
  await expect(send(service.url, '/_health')).rejects.toThrow()
  await service.close()
})

it('exits although clients keep their connections and send more requests, and cuts none of them off', async () => {
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
  // Connections that are open when the drain time is over would be cut off with ECONNRESET.
  expect(new Set(ends)).toEqual(new Set(['ECONNREFUSED']))
  await service.close()
})

it('closes idle connections at once, and waits for those with a request', async () => {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false', ...SETTINGS })
  const { port, hostname } = new URL(service.url)
  const open = async (words: string) => {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(words)
    return socket
  }
  const put = `PUT ${pathOf(await token())} HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n`
  const silent = [await open(''), await open('GET /_hea')]
  const answers = await Promise.all([open(`${put}\r\n`), open(`${put}Expect: 100-continue\r\n\r\n`)])
  await once(answers[1] as Socket, 'data')
  const startedAt = performance.now()
  process.kill(service.pid, 'SIGTERM')
  await Promise.all(silent.map((socket) => once(socket.resume(), 'close')))
  for (const socket of answers) {
    socket.write('abc')
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
    socket.destroy()
  }
  expect(await service.exited).toBe(0)
  // The whole drain time is 25 s.
  expect(performance.now() - startedAt).toBeLessThan(scaleTimeout(10_000))
  await service.close()
})

it('does not wait for a trace collector that never answers', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const service = await startService({
    MEDIA_PROXY_NSFW_ENABLED: 'false',
    MEDIA_PROXY_TELEMETRY_OTLP_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    MEDIA_PROXY_TELEMETRY_SAMPLE_RATIO: '1',
    // The exporter itself would wait an hour.
    OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
  })
  expect((await send(service.url, '/avatars/1/none.png')).status).toBe(404)
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toBe(0)
  silent.closeAllConnections()
  silent.close()
  await service.close()
})

it('does not wait for a reader of the log that has stalled', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
  // Nothing reads `child.stdout`, so it takes only what fits into the buffers of the system.
  const { child, url } = await startProcess(ORIGIN_ARGUMENTS, {
    MEDIA_PROXY_NODE_ENV: 'test',
    MEDIA_PROXY_PORT: '0',
    MEDIA_PROXY_STORAGE_DIR: directory,
    MEDIA_PROXY_NSFW_ENABLED: 'false',
    MEDIA_PROXY_TELEMETRY_LOG_LEVEL: 'info',
  })
  const exited = once(child, 'exit')
  // Each record has the id of its request, so these are many times those buffers.
  const headers = { 'x-request-id': 'r'.repeat(128) }
  for (let batch = 0; batch < 80; batch += 1) {
    const answers = Array.from({ length: 50 }, () => send(url, '/attachments/1/none.txt', { headers }))
    expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([404]))
  }
  child.kill('SIGTERM')
  await exited
  await rm(directory, { recursive: true })
})

const PART = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000), Buffer.from('\r\n')])

/**
 * Starts a service with two uploads that never end, one to a file of the store and one to a temporary file.
 */
async function withUploads(temporary: string) {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false', ...SETTINGS, TMPDIR: temporary })
  const { port, hostname } = new URL(service.url)
  for (const header of ['Content-Length: 4000000', 'Transfer-Encoding: chunked']) {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.write(`PUT ${pathOf(await token())} HTTP/1.1\r\nHost: test\r\n${header}\r\n\r\n`)
    socket.write(PART)
  }
  const left = async () => [
    ...(await readdir(temporary)),
    ...(await readdir(join(service.directory, 'uploads'), { recursive: true })),
  ]
  await until(async () => (await left()).length === 3)
  return { service, left }
}

describe('uploads in progress at shutdown', () => {
  let temporary: string
  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'media-proxy-test-'))
  })
  afterAll(() => rm(temporary, { recursive: true }))

  it('are aborted when the drain time ends, and leave nothing behind', async () => {
    const { service, left } = await withUploads(temporary)
    process.kill(service.pid, 'SIGTERM')
    expect(await service.exited).toBe(0)
    expect(await left()).toEqual(['folder'])
    await service.close()
  })

  it('leave files that the next process removes when their process is killed', async () => {
    const { service, left } = await withUploads(temporary)
    const foreign = join(temporary, 'media-proxy-upload-elsewhere-1-abcdef')
    await mkdir(foreign)
    process.kill(service.pid, 'SIGKILL')
    await service.exited
    expect(await left()).toHaveLength(4)
    const next = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false', TMPDIR: temporary })
    // Folders of another host are kept, because it may be running.
    expect(await readdir(temporary)).toEqual([basename(foreign)])
    await next.close()
    await service.close()
  })
})

it('exits at once at a second signal, a second after the first', async () => {
  const service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false' })
  await service.put('cdn/attachments/1/a.bin', Buffer.alloc(50_000_000))
  const response = await fetch(`${service.url}/attachments/1/a.bin`)
  process.kill(service.pid, 'SIGTERM')
  // Once no connection is accepted, the first signal was handled. Two signals at once would arrive as one.
  await until(() =>
    send(service.url, '/_health').then(
      () => false,
      () => true,
    ),
  )
  await setTimeout(1100)
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toBe(1)
  // The process has ended, so the rest of the body never comes.
  await response.body?.cancel().catch(() => undefined)
  await service.close()
})

it('treats the same signal from a terminal and a parent process as one', async () => {
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
