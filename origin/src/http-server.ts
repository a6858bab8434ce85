/**
 * The HTTP server of the origin. It also answers requests that never reach the application, in the same form.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { CORS_HEADERS } from '@media-proxy/shared/response/cors.ts'
import { LINGERING, lingerBehind } from './lingering.ts'
import type { Origin } from './origin.ts'
import { encodedRequest, oneRequestConnection } from './raw-target.ts'

/**
 * The limit of the edge: a response must not depend on whether
 * the edge is in front. The default of Node is 16 KiB.
 */
const MAX_HEADER_BYTES = 128 * 1024
/**
 * The largest number of headers. Node before 24.21 silently drops those after about a thousand. A client could
 * send so many that the `X-Forwarded-For` that a proxy appends is dropped, and would count as that proxy.
 */
const MAX_HEADERS = 1000
/** A connection that is silent for this time beyond the longest possible response is considered dead. */
const SPARE_IDLE_MS = 30_000

const HEADERS_TOO_LARGE = [431, 'Request Header Fields Too Large'] as const
const REJECTIONS: Readonly<Record<string, readonly [status: number, phrase: string]>> = {
  HPE_HEADER_OVERFLOW: HEADERS_TOO_LARGE,
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}
const BAD_REQUEST = [400, 'Bad Request'] as const
const NOT_IMPLEMENTED = [501, 'Not Implemented'] as const

interface ClientError extends NodeJS.ErrnoException {
  /** The bytes that arrived last. */
  readonly rawPacket?: Buffer
}

type Served = Pick<Origin, 'fetch' | 'hotAnswers' | 'longestAnswerMs' | 'idleConnectionMs'>

/** Creates the HTTP server of an origin, which also answers requests that never reach the application. */
export function createHttpServer({ fetch, hotAnswers, longestAnswerMs, idleConnectionMs }: Served): Server {
  const listener = getRequestListener(fetch, {
    // For HTTP/1.0, which requires no `Host`. Load balancers use it for health checks.
    hostname: 'localhost',
    // The rest of a body is read by `lingerBehind`, for a longer time.
    autoCleanupIncoming: false,
    // Called for an invalid target or `Host`. The application handles its own failures.
    errorHandler: () => {
      const [status, phrase] = BAD_REQUEST
      return new Response(phrase, { status, headers: rejectionHeaders(phrase) })
    },
  })
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    lingerBehind(request, response, LINGERING)
    const rejected = hasTooManyHeaders(request)
      ? HEADERS_TOO_LARGE
      : hasUnknownFraming(request)
        ? NOT_IMPLEMENTED
        : undefined
    if (rejected !== undefined) {
      const [status, phrase] = rejected
      response.writeHead(status, { ...rejectionHeaders(phrase), connection: 'close' }).end(phrase)
      return undefined
    }
    request.url = withoutBackslashes(request.url ?? '')
    const fail = (error: unknown) => {
      response.destroy()
      // A defect of one request. The rejection is reported to the process, which continues.
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
  // The body is requested from the client when it is first read. By default Node requests it at once, and the
  // client then sends bodies that are rejected.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue()
    })
    // A body that was not requested is never sent, so the connection cannot be reused.
    response.shouldKeepAlive = false
    return handle(request, response)
  })
  server.keepAliveTimeout = idleConnectionMs
  server.timeout = longestAnswerMs + SPARE_IDLE_MS
  // An upload may take longer than the five minutes of Node's default. The relay has a minimum rate instead.
  server.requestTimeout = 0
  server.on('clientError', (error: ClientError, socket: Socket) => {
    const encoded =
      error.code === 'HPE_INVALID_URL' && error.rawPacket?.length === socket.bytesRead
        ? encodedRequest(error.rawPacket)
        : undefined
    if (encoded === undefined) reject(error, socket)
    else server.emit('connection', oneRequestConnection(socket, encoded))
  })
  return server
}

function hasTooManyHeaders({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.length > 2 * MAX_HEADERS
}

/**
 * Whether the body of a request has another transfer coding than `chunked`, or any in HTTP/1.0, where a proxy
 * in front may not know it and see the end of the request elsewhere (RFC 9112, section 6.1).
 */
function hasUnknownFraming({ headers, httpVersion }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding']
  return coding !== undefined && (httpVersion !== '1.1' || coding.toLowerCase() !== 'chunked')
}

/** Replaces `\` by `/` in the path but not in the query, as the URL standard does, and therefore the edge. */
function withoutBackslashes(target: string): string {
  if (!target.includes('\\')) return target
  const query = target.indexOf('?')
  const end = query === -1 ? target.length : query
  return target.slice(0, end).replaceAll('\\', '/') + target.slice(end)
}

/**
 * Answers something that is not HTTP, or that exceeds a limit.
 * Only possible before any header of a response was sent.
 */
function reject({ code = '' }: ClientError, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const [status, phrase] = REJECTIONS[code] ?? BAD_REQUEST
  const headers = { ...rejectionHeaders(phrase), connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${phrase}\r\n${lines.join('')}\r\n${phrase}`)
}

function rejectionHeaders(phrase: string): Record<string, string> {
  return {
    ...CORS_HEADERS,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(phrase.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  }
}
