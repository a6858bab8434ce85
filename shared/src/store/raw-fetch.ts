/**
 * A `fetch` that returns bodies without decoding them. The platforms' `fetch` decodes a `Content-Encoding`
 * but keeps the length of the encoded bytes in the headers. A service that forwards both sends more bytes
 * than announced, and the client reads the excess as the next response.
 */

import { builtinModule, isWorkerd } from './platform.ts'

export interface RawRequest {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body?: Uint8Array<ArrayBuffer> | undefined
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
  const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) }
  return (request) => {
    const secure = request.url.startsWith('https:')
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? https : http).request(request.url, {
        method: request.method,
        headers: {
          ...Object.fromEntries(request.headers),
          ...(request.body === undefined ? {} : { 'content-length': String(request.body.length) }),
        },
        signal: request.signal,
        agent: secure ? agents.https : agents.http,
      })
      outgoing.on('error', reject)
      outgoing.on('response', (message) => {
        try {
          const status = message.statusCode ?? 0
          const headers = new Headers(pairs(message.rawHeaders))
          const bodiless = isBodiless(request.method, status, headers)
          // An unread response, even one without a body, would prevent its connection from being reused.
          if (bodiless) message.resume()
          const body = bodiless ? null : stream.Readable.toWeb(message)
          resolve(new Response(body, { status, headers }))
        } catch (error) {
          // `Response` rejects some status codes. The listener must not throw, because nothing would catch
          // the error.
          message.destroy()
          reject(error)
        }
      })
      outgoing.end(request.body)
    })
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
  }
  return fetch(url, init)
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] satisfies [string, string]] : [],
  )
}
