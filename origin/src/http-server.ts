/** Node's HTTP server as the origin listens with it: what never reaches the application is answered in its words too. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { CORS_HEADERS } from '@media-proxy/shared/response/cors.ts'
import { LINGERING, lingerBehind } from './lingering.ts'
import type { Origin } from './origin.ts'
import { encodedRequest, oneRequestConnection } from './raw-target.ts'

/** As much as the edge takes: an answer must not depend on the door. Node's own limit is 16 KiB. */
const MAX_HEADER_BYTES = 128 * 1024
/**
 * Longer than those who stand before the origin keep a connection by default: nginx and load balancers 60 s. Whoever closes
 * first must be the one that asks: a request that meets the end of its connection is a 502, and a POST is not sent again.
 */
const KEPT_MS = 65_000
/** Silence beyond the time that the longest answer may take to begin: nobody is there. */
const SPARE_IDLE_MS = 30_000

const REFUSALS: Readonly<Record<string, readonly [status: number, phrase: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}
const BAD_REQUEST = [400, 'Bad Request'] as const

interface ClientError extends NodeJS.ErrnoException {
  /** What arrived last. */
  readonly rawPacket?: Buffer
}

type Served = Pick<Origin, 'fetch' | 'hotAnswers' | 'longestAnswerMs'>

export function createHttpServer({ fetch, hotAnswers, longestAnswerMs }: Served): Server {
  const listener = getRequestListener(fetch, {
    // For HTTP/1.0, which needs no Host: load balancers ask for health by it.
    hostname: 'localhost',
    // What is left of a body is read here, for longer.
    autoCleanupIncoming: false,
    // A target or a Host that is none: the application answers its own failures itself.
    errorHandler: () => {
      const [status, phrase] = BAD_REQUEST
      return new Response(phrase, { status, headers: refusalHeaders(phrase) })
    },
  })
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    lingerBehind(request, response, LINGERING)
    request.url = withoutBackslashes(request.url ?? '')
    const fail = (error: unknown) => {
      response.destroy()
      // A defect of one request: the process is told of it, and goes on.
      return Promise.reject(error)
    }
    try {
      const answered = hotAnswers?.answer(request, response) ?? false
      if (answered === true) return undefined
      if (answered === false) return listener(request, response)
      return answered.then((isAnswered) => (isAnswered ? undefined : listener(request, response)), fail)
    } catch (error) {
      return fail(error)
    }
  }
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, handle)
  // Whoever reads the body asks for it; by itself Node does at once, and what is then refused was sent for nothing.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue()
    })
    // A body that was never asked for does not come: nothing can follow it.
    response.shouldKeepAlive = false
    return handle(request, response)
  })
  server.keepAliveTimeout = KEPT_MS
  server.timeout = longestAnswerMs + SPARE_IDLE_MS
  // An upload may take longer than Node's five minutes; the relay has a floor of its own.
  server.requestTimeout = 0
  server.on('clientError', (error: ClientError, socket: Socket) => {
    const encoded =
      error.code === 'HPE_INVALID_URL' && error.rawPacket?.length === socket.bytesRead
        ? encodedRequest(error.rawPacket)
        : undefined
    if (encoded === undefined) refuse(error, socket)
    else server.emit('connection', oneRequestConnection(socket, encoded))
  })
  return server
}

/** The path as the URL standard reads it, and with it the edge: `\` is `/`, but not in the query. */
function withoutBackslashes(target: string): string {
  if (!target.includes('\\')) return target
  const query = target.indexOf('?')
  const end = query === -1 ? target.length : query
  return target.slice(0, end).replaceAll('\\', '/') + target.slice(end)
}

/** What is no HTTP, or too much of it: before any header of an answer was sent, its client can still be told. */
function refuse({ code = '' }: ClientError, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const [status, phrase] = REFUSALS[code] ?? BAD_REQUEST
  const headers = { ...refusalHeaders(phrase), connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${phrase}\r\n${lines.join('')}\r\n${phrase}`)
}

function refusalHeaders(phrase: string): Record<string, string> {
  return {
    ...CORS_HEADERS,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(phrase.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  }
}
