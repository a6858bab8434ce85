/** Node's HTTP server as the origin listens with it: what never reaches the application is answered in its words too. */

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { CORS_HEADERS } from '@media-proxy/shared/response/cors.ts'
import type { Hono } from 'hono'

/** As much as the edge takes: an answer must not depend on the door. Node's own limit is 16 KiB. */
const MAX_HEADER_BYTES = 128 * 1024
/** Longer than any answer may take to begin: what is silent for so long is nobody. */
const SOCKET_IDLE_MS = 120_000

const REFUSALS: Readonly<Record<string, readonly [status: number, phrase: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}

export function createHttpServer(fetch: Hono['fetch']): Server {
  const server = createAdaptorServer({
    fetch,
    // For HTTP/1.0, which needs no Host: load balancers ask for health by it.
    hostname: 'localhost',
    serverOptions: { maxHeaderSize: MAX_HEADER_BYTES },
  }) as Server
  server.timeout = SOCKET_IDLE_MS
  // An upload may take longer than Node's five minutes; the relay has a floor of its own.
  server.requestTimeout = 0
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuse(error, socket))
  return server
}

/** What is no HTTP, or too much of it: before any header of an answer was sent, its client can still be told. */
function refuse({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const [status, phrase] = REFUSALS[code] ?? [400, 'Bad Request']
  const headers = {
    ...CORS_HEADERS,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(phrase.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${phrase}\r\n${lines.join('')}\r\n${phrase}`)
}
