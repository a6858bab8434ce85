/**
 * `fetch` whose bodies are the bytes that travelled. The platforms' own undo a `Content-Encoding` but leave the length
 * of the encoded bytes in the headers: whoever passes both on sends more bytes than were announced, and what is too
 * many is read as the next answer.
 */

import { builtinModule, isWorkerd } from './platform.ts'

export interface RawRequest {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body?: Uint8Array<ArrayBuffer> | undefined
  readonly signal: AbortSignal
}

/** Redirects are answers like others: followed ones would carry the signature to wherever they lead. */
export type RawFetch = (request: RawRequest) => Promise<Response>

/** That of the runtime this runs in, with connections of its own where the runtime keeps none. */
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
          // Left unread, even an answer without a body would take its connection with it.
          if (bodiless) message.resume()
          const body = bodiless ? null : stream.Readable.toWeb(message)
          resolve(new Response(body, { status, headers }))
        } catch (error) {
          // A status that no `Response` has; thrown from here, it would be nobody's.
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
    ...{ method, headers, signal, redirect: 'manual' as const, encodeResponseBody: 'manual' as const },
    // What a bucket answers the platform would keep by itself where the object's own `Cache-Control` allows it.
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
