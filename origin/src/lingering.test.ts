import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttpServer } from './http-server.ts'
import { lingerBehind } from './lingering.ts'

const PIECE = 'x'.repeat(100_000)
/** More than the buffers of a connection hold, so that a client whose data are not read has to wait. */
const PIECES = 60

let server: Server | undefined
afterEach(() => server?.close())

async function listen(made: Server): Promise<number> {
  server = made.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Creates a server that never reads a request body. */
const rejecting = (longestMs: number, silenceMs: number) => {
  const listener: RequestListener = (request, response) => {
    lingerBehind(request, response, { longestMs, silenceMs })
    response.end('no')
  }
  return createServer(listener)
}

interface Client {
  readonly socket: ReturnType<typeof connect>
  seen(): string
  /** Resolves when the server closes the connection. */
  readonly ended: Promise<unknown>
  send(text: string): Promise<void>
}

function client(port: number): Client {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let seen = ''
  socket.on('data', (bytes) => {
    seen += bytes
  })
  const ended = new Promise((resolve) => {
    socket.on('end', resolve)
    socket.on('close', resolve)
  })
  const failed = new Promise<never>((_, reject) => socket.on('error', reject))
  // `send` races against it. Otherwise nothing handles the rejection.
  failed.catch(() => undefined)
  return {
    socket,
    seen: () => seen,
    ended,
    send: async (text) => {
      if (!socket.write(text)) await Promise.race([failed, once(socket, 'drain')])
    },
  }
}

const heading = (headers: Readonly<Record<string, string>>) =>
  `POST /nowhere HTTP/1.1\r\nhost: x\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`

const LENGTH = { 'content-length': String(PIECES * PIECE.length) }
const CHUNKED = { 'transfer-encoding': 'chunked' }

describe.each([
  ['with a length', LENGTH, (piece: string) => piece],
  ['in chunks', CHUNKED, (piece: string) => `${piece.length.toString(16)}\r\n${piece}\r\n`],
])('the body of a request that is answered early, %s', (_, headers, framed) => {
  it.each(['keep-alive', 'close'])('is read to its end: %s', async (connection) => {
    const port = await listen(
      createHttpServer({
        fetch: () => new Response('rejected', { status: 403 }),
        hotAnswers: undefined,
        longestAnswerMs: 30_000,
        idleConnectionMs: 65_000,
      }),
    )
    const { socket, seen, send, ended } = client(port)
    await send(heading({ ...headers, connection }))
    // The response arrives before the body is complete, and the connection stays open.
    await expect.poll(seen).toMatch(/^HTTP\/1.1 403 .*rejected$/s)
    for (let piece = 0; piece < PIECES; piece += 1) {
      await send(framed(PIECE))
      await sleep(15)
    }
    if (headers === CHUNKED) await send('0\r\n\r\n')
    if (connection === 'close') {
      await ended
    } else {
      await send(heading({ 'content-length': '0' }))
      await expect.poll(() => seen().split('rejected').length).toBe(3)
    }
    socket.destroy()
  })

  it('is not waited for when nothing more arrives', async () => {
    const { send, ended } = client(await listen(rejecting(60_000, 50)))
    await send(heading(headers))
    await send(framed(PIECE))
    await ended
  })

  it('is not read forever', async () => {
    const { socket, ended, send } = client(await listen(rejecting(200, 100)))
    await send(heading(headers))
    const sending = setInterval(() => {
      // The test waits for the end of the connection, so sending may fail.
      send(framed('x')).catch(() => undefined)
    }, 10)
    await ended
    clearInterval(sending)
    socket.destroy()
  })
})
