/**
 * A `fetch` that returns bodies without decoding them. The platforms' `fetch` decodes a `Content-Encoding`
 * but keeps the length of the encoded bytes in the headers. A service that forwards both sends more bytes
 * than announced, and the client reads the excess as the next response.
 */

import { createFreshConnections, type FreshConnections } from './fresh-connections.ts'
import {
  type Agent,
  builtinModule,
  type ClientRequest,
  type Http,
  type IncomingMessage,
  isWorkerd,
  type Stream,
} from './platform.ts'

export interface RawRequest {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  /** A stream, whose length `headers` state, is consumed or cancelled. */
  readonly body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | undefined
  readonly signal: AbortSignal
}

/** Sends a request. Does not follow redirects, which would send the signature to their target. */
export type RawFetch = (request: RawRequest) => Promise<Response>

/** Returns the implementation for the runtime. The one for Node has its own pools of connections. */
export function createRawFetch(): RawFetch {
  if (isWorkerd()) return fetchInWorker
  const http = builtinModule('node:http')
  const https = builtinModule('node:https')
  const net = builtinModule('node:net')
  const stream = builtinModule('node:stream')
  const tls = builtinModule('node:tls')
  if (!(http && https && net && stream && tls)) return fetchInWorker
  const kept = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) }
  const fresh = createFreshConnections({ http, https, net, tls })
  const attempt = createAttempt({ http, https, stream, fresh })
  return async (request) => {
    const scheme = request.url.startsWith('https:') ? 'https' : 'http'
    if (request.body instanceof ReadableStream) return attempt(request, fresh.agents[scheme])
    try {
      return await attempt(request, kept[scheme])
    } catch (error) {
      if (!(error instanceof ClosedConnection)) throw error
      return attempt(request, fresh.agents[scheme])
    }
  }
}

/** A kept connection that the store has closed, before it received the request or while it did. */
class ClosedConnection extends Error {}

interface AttemptOptions {
  readonly http: Http
  readonly https: Http
  readonly stream: Stream
  readonly fresh: FreshConnections
}

function createAttempt({ http, https, stream, fresh }: AttemptOptions) {
  const send = createStreamSender(stream, fresh)
  return ({ url, method, headers, body, signal }: RawRequest, agent: Agent): Promise<Response> => {
    const isStream = body instanceof ReadableStream
    return new Promise((resolve, reject) => {
      const outgoing = (url.startsWith('https:') ? https : http).request(url, {
        method,
        headers: {
          ...Object.fromEntries(headers),
          ...(body instanceof Uint8Array ? { 'content-length': String(body.length) } : {}),
        },
        agent,
        ...(isStream ? {} : { signal }),
      })
      outgoing.on('error', (error) =>
        reject(
          outgoing.reusedSocket && isClosing(error)
            ? new ClosedConnection('closed', { cause: error })
            : error,
        ),
      )
      outgoing.on('response', (message) => {
        try {
          resolve(responseOf(message, method, stream))
        } catch (error) {
          // `Response` rejects some status codes. The listener must not throw, because nothing would catch
          // the error.
          message.destroy()
          reject(error)
        }
      })
      if (isStream) send(body, outgoing, signal)
      else outgoing.end(body)
    })
  }
}

function isClosing(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

function responseOf(message: IncomingMessage, method: string, stream: Stream): Response {
  const status = message.statusCode ?? 0
  const headers = new Headers(pairs(message.rawHeaders))
  const bodiless = isBodiless(method, status, headers)
  // An unread response, even one without a body, would prevent its connection from being reused.
  if (bodiless) message.resume()
  return new Response(bodiless ? null : stream.Readable.toWeb(message), { status, headers })
}

/** Creates a function that sends a stream with backpressure. The request fails when the stream does, or is aborted. */
function createStreamSender(stream: Stream, { reset }: FreshConnections) {
  return (body: ReadableStream<Uint8Array>, outgoing: ClientRequest, signal: AbortSignal): void => {
    const abandon = (reason: unknown) => {
      if (outgoing.socket !== null) reset(outgoing.socket)
      outgoing.destroy(new Error('abandoned', { cause: reason }))
    }
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        yield* body
      } catch (error) {
        abandon(error)
        throw error
      }
    }
    const abort = () => abandon(signal.reason)
    signal.addEventListener('abort', abort)
    outgoing.on('close', () => signal.removeEventListener('abort', abort))
    // An error of the stream becomes one of the request, which has a listener.
    stream.pipeline(chunks(), outgoing, () => undefined)
  }
}

function isBodiless(method: string, status: number, headers: Headers): boolean {
  if (method === 'HEAD' || status === 204 || status === 205 || status === 304) return true
  return headers.get('content-length') === '0'
}

async function fetchInWorker({ url, method, headers, body, signal }: RawRequest): Promise<Response> {
  const init: RequestInit & { readonly encodeResponseBody: 'manual' } = {
    method,
    headers,
    signal,
    redirect: 'manual' as const,
    encodeResponseBody: 'manual' as const,
    // The platform would otherwise cache responses of a bucket by itself when the object's `Cache-Control`
    // allows it.
    cache: 'no-store',
    ...(body === undefined ? {} : { body }),
    // `fetch` requires this for a stream: the response comes after the body.
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  }
  return fetch(url, init)
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] satisfies [string, string]] : [],
  )
}
