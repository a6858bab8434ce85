/** Connections that are opened and then stay silent: each costs a socket, and none may affect a response. */

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { inspectProcess, type ProcessSnapshot } from '../bench/process-snapshot.ts'
import { type BenchService, startService } from '../bench/service.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { until } from '../until.ts'
import { HAS_PROC, snapshotAtRest } from './counts.ts'

const CONNECTIONS = 2000
/** File descriptors that Node, the libraries and the test itself keep open. */
const SPARE_FILES = 300
const ENOUGH_FILES = openFilesLimit() >= CONNECTIONS + SPARE_FILES
const MAX_GROWTH_MIB = 100

const WHY = `needs /proc, and ulimit -n of ${CONNECTIONS + SPARE_FILES}`

describe.skipIf(!HAS_PROC || !ENOUGH_FILES)(`${CONNECTIONS} idle connections (${WHY})`, () => {
  let service: BenchService
  let url: URL
  let before: ProcessSnapshot

  beforeAll(async () => {
    service = await startService({ MEDIA_PROXY_NSFW_ENABLED: 'false' })
    url = new URL(service.url)
    await service.put('cdn/avatars/1/a', await halvesPng(512, 512))
    expect((await send(service.url, '/_ready')).status).toBe(200)
    expect((await send(service.url, '/avatars/1/a.webp?size=64')).status).toBe(200)
    before = await snapshotAtRest(service.pid)
  })
  afterAll(() => service.close())

  const sockets: Socket[] = []
  const leave = () => {
    for (const socket of sockets.splice(0)) socket.destroy()
  }
  afterEach(leave)

  it.each([
    ['that never said a word', ''],
    ['that never ended their request', 'GET /_health HTTP/1.1\r\nHost: te'],
  ])('%s: other requests are answered, and nothing is left after they close', async (_, words) => {
    await open(words)
    await expectAnswers()
    expect(inspectProcess(service.pid).files).toBeGreaterThanOrEqual(before.files + CONNECTIONS)
    leave()
    await expectReleased()
  })

  it('that were answered are closed by the service', async () => {
    await open('GET /_health HTTP/1.1\r\nHost: test\r\n\r\n')
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')))
    await Promise.all(sockets.map((socket) => once(socket, 'readable')))
    // The end of a connection is noticed only while reading.
    for (const socket of sockets) socket.resume()
    await expectAnswers()
    await closed
    await expectReleased()
  })

  async function open(words: string): Promise<void> {
    // In batches: the system queues at most 511 connections that are not accepted yet.
    while (sockets.length < CONNECTIONS) {
      const some = Array.from({ length: 200 }, () => connect(Number(url.port), url.hostname))
      sockets.push(...some)
      await Promise.all(some.map((socket) => once(socket, 'connect')))
      for (const socket of some) {
        socket.on('error', () => undefined)
        if (words !== '') socket.write(words)
      }
    }
    await until(() => inspectProcess(service.pid).files >= before.files + CONNECTIONS)
  }

  /** Expects alternating requests for a rendition and for the health endpoint to succeed. */
  async function expectAnswers(): Promise<void> {
    for (let index = 0; index < 50; index += 1) {
      const path = index % 2 === 0 ? '/avatars/1/a.webp?size=64' : '/_health'
      expect((await send(service.url, path)).status).toBe(200)
    }
  }

  async function expectReleased(): Promise<void> {
    await until(() => inspectProcess(service.pid).files <= before.files)
    expect(inspectProcess(service.pid).rssMib).toBeLessThan(before.rssMib + MAX_GROWTH_MIB)
    expect((await send(service.url, '/_health')).status).toBe(200)
  }
})

/** Returns the limit on open files, which applies to this process and to the service that it starts. */
function openFilesLimit(): number {
  if (!existsSync('/proc/self/limits')) return 0
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0)
}
