/**
 * A `fetch` that returns bodies without decoding them. The platforms' `fetch` decodes a `Content-Encoding`
 * but keeps the length of the encoded bytes in the headers. A service that forwards both sends more bytes
 * than announced, and the client reads the excess as the next response.
 */

import { builtinModule, type ClientRequest, isWorkerd, type Stream } from './platform.ts'

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
  const http = builtinModule('node:http')
  const https = builtinModule('node:https')
  const stream = builtinModule('node:stream')
  if (isWorkerd() || http === undefined || https === undefined || stream === undefined) return fetchInWorker
  const kept = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) }
  const fresh = { http: new http.Agent({ keepAlive: false }), https: new https.Agent({ keepAlive: false }) }
  return ({ url, method, headers: sent, body, signal }) => {
    const scheme = url.startsWith('https:') ? 'https' : 'http'
    // A stream cannot be sent again when the store is just closing the connection, so it gets a new one.
    const isStream = body instanceof ReadableStream
    const agents = isStream ? fresh : kept
    return new Promise((resolve, reject) => {
      const outgoing = { http, https }[scheme].request(url, {
        method,
        headers: {
          ...Object.fromEntries(sent),
          ...(body instanceof Uint8Array ? { 'content-length': String(body.length) } : {}),
        },
        agent: agents[scheme],
        ...(isStream ? {} : { signal }),
      })
      outgoing.on('error', reject)
      outgoing.on('response', (message) => {
        try {
          const status = message.statusCode ?? 0
          const headers = new Headers(pairs(message.rawHeaders))
          const bodiless = isBodiless(method, status, headers)
          // An unread response, even one without a body, would prevent its connection from being reused.
          if (bodiless) message.resume()
          resolve(new Response(bodiless ? null : stream.Readable.toWeb(message), { status, headers }))
        } catch (error) {
          // `Response` rejects some status codes. The listener must not throw, because nothing would catch
          // the error.
          message.destroy()
          reject(error)
        }
      })
      if (body instanceof ReadableStream) sendStream(stream, body, { outgoing, signal })
      else outgoing.end(body)
    })
  }
}

interface Sending {
  readonly outgoing: ClientRequest
  readonly signal: AbortSignal
}

/** Sends a stream with backpressure. The request fails when the stream does, or when `signal` aborts. */
function sendStream(stream: Stream, body: ReadableStream<Uint8Array>, { outgoing, signal }: Sending): void {
  const abort = () => abandon(outgoing, signal.reason)
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      yield* body
    } catch (error) {
      abandon(outgoing, error)
      throw error
    }
  }
  signal.addEventListener('abort', abort)
  // An error of the stream becomes one of the request, which has a listener.
  stream.pipeline(chunks(), outgoing, () => undefined)
  outgoing.on('close', () => signal.removeEventListener('abort', abort))
}

/**
 * Ends a request in the middle. Some stores take the orderly end of a connection as the end of the body, and
 * store what they have. A reset has only one meaning.
 */
function abandon(outgoing: ClientRequest, reason: unknown): void {
  if (outgoing.socket?.encrypted !== true) outgoing.socket?.resetAndDestroy()
  outgoing.destroy(reason instanceof Error ? reason : new Error('aborted', { cause: reason }))
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
