/** Servers and name servers for the tests of external fetches. They are closed after each test. */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { type Answer, decode, encode } from 'dns-packet'
import { afterEach } from 'vitest'
import { createExternalFetch, type ExternalFetchOptions } from './fetch.ts'
import type { ExternalResponse } from './response.ts'

/** Called after each test, the last one first. */
export const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

export const MAX_BYTES = 100_000

/** Returns a function that fetches a URL with these options. */
export function fetcher(
  options: Partial<ExternalFetchOptions> & { readonly allowedHosts?: readonly string[] } = {},
) {
  const { allowedHosts = [], ...rest } = options
  const external = createExternalFetch({
    ownName: undefined,
    policy: { ports: [], allowedHosts, ownAddresses: [] },
    nameServers: [],
    userAgent: 'Testbot/1.0',
    timeoutMs: 20_000,
    maxBytes: MAX_BYTES,
    ...rest,
  })
  closers.push(() => external.close())
  return (url: string, range?: { start: number; end?: number }) =>
    external.open(url, {
      signal: new AbortController().signal,
      ...(range === undefined ? {} : { range }),
    })
}

/** Starts a server on loopback that counts its connections. */
export async function listen(listener: RequestListener) {
  const server = createServer(listener)
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => closeServer(server))
  const { port } = server.address() as AddressInfo
  return { host: `localhost:${port}`, url: `http://localhost:${port}`, port, connections: () => connections }
}

/** Starts a server that responds to every request with the same raw bytes and closes the connection. */
export async function listenRaw(bytes: string) {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.from(bytes, 'latin1')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  return { host: `localhost:${port}`, url: `http://localhost:${port}` }
}

function closeServer(server: Server): Promise<unknown> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
}

/** Starts a name server that returns the answers of the test and counts its queries. */
export async function startDnsServer(
  answers: (name: string, type: string, asked: number) => Answer[] | 'silence' | Promise<Answer[]>,
) {
  const socket = createSocket('udp4')
  let asked = 0
  let isClosed = false
  socket.on('message', async (message, remote) => {
    const query = decode(message)
    const [question] = query.questions ?? []
    const said = await answers(question?.name ?? '', question?.type ?? '', asked++)
    if (said === 'silence' || isClosed) return
    const packet = encode({
      type: 'response',
      id: query.id ?? 0,
      flags: 0x0180,
      questions: query.questions ?? [],
      answers: said,
    })
    socket.send(packet, remote.port, remote.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  closers.push(() => {
    isClosed = true
    socket.close()
  })
  return { nameServers: [`127.0.0.1:${socket.address().port}`], asked: () => asked }
}

/** An answer with an IPv4 address. */
export const a = (name: string, data: string): Answer => ({ type: 'A', name, data, ttl: 0 })

/** Returns the body of a response as text, or the code of its failure. */
export const text = async (opened: ExternalResponse | Failure) =>
  isFailure(opened) ? opened.code : new Response(opened.body).text()
