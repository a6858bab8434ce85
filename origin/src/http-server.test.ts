import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { loadConfig } from '@media-proxy/shared/config/load.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttpServer } from './http-server.ts'

type Fetch = Parameters<typeof createHttpServer>[0]['fetch']

const opened: ReturnType<typeof createHttpServer>[] = []
afterEach(() => {
  for (const server of opened.splice(0)) server.close()
})

function serve(fetch: Fetch, { longestAnswerMs = 30_000, idleConnectionMs = 65_000 } = {}) {
  const server = createHttpServer({ fetch, longestAnswerMs, idleConnectionMs, hotAnswers: undefined })
  opened.push(server)
  return server
}

it('does not close a connection that may still get its response', () => {
  for (const longestAnswerMs of [30_000, 600_000])
    expect(serve(() => new Response(), { longestAnswerMs }).timeout).toBeGreaterThan(longestAnswerMs)
})

it('rejects more headers than Node reads, so that none is overlooked', async () => {
  const server = serve(() => new Response('a'))
  // Node then reads all of them, and some versions drop the last ones otherwise.
  server.maxHeadersCount = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const statusOf = async (headers: number) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(
      `GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${'a: b\r\n'.repeat(headers - 3)}x-forwarded-for: 192.0.2.1\r\n\r\n`,
    )
    let seen = ''
    socket.on('data', (bytes) => (seen += bytes))
    await once(socket, 'close')
    return seen.slice(0, 12)
  }
  expect(await statusOf(1000)).toBe('HTTP/1.1 200')
  expect(await statusOf(1001)).toBe('HTTP/1.1 431')
})

describe('an idle connection', () => {
  it('is kept for the configured time, which the response announces', async () => {
    const server = serve(() => new Response('a'), { idleConnectionMs: 620_000 }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { headers } = await fetch(`http://127.0.0.1:${port}/`)
    expect(headers.get('keep-alive')).toBe('timeout=620')
  })

  it('is kept by default longer than nginx and load balancers in front keep it', () => {
    const loaded = loadConfig('origin', { environment: {} })
    if (!loaded.ok) throw new Error(loaded.faults.join('\n'))
    expect(loaded.config.limits.idleConnectionMs).toBeGreaterThan(60_000)
  })
})

describe('a client that sends Expect: 100-continue', () => {
  /** Returns everything that the server sends. The client sends the body once the server asks for it. */
  async function transcript(fetch: Fetch): Promise<string> {
    const server = serve(fetch).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const socket = connect(address.port, '127.0.0.1')
    let seen = ''
    socket.on('data', (bytes) => {
      seen += bytes
      if (seen === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('body')
    })
    socket.write('PUT / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n')
    await once(socket, 'close')
    return seen
  }

  it('is asked for a body that is read', async () => {
    const seen = await transcript(async (request) => new Response(`got ${await request.text()}`))
    expect(seen).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n.*got body$/s)
  })

  it('is not asked for a body that is rejected', async () => {
    const seen = await transcript(() => new Response('no', { status: 401 }))
    expect(seen).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n.*connection: close\r\n.*no$/is)
  })
})
