/** An external server on loopback, which the test allows the service to fetch from. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface UpstreamServer {
  readonly url: string
  /** In the form of `external.allowedHosts`. */
  readonly host: string
  /** The requests so far. */
  readonly requests: readonly IncomingMessage[]
  close(): Promise<void>
}

export async function openUpstreamServer(listener: RequestListener): Promise<UpstreamServer> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    listener(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}`,
    host: `localhost:${port}`,
    requests,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Serves files by their paths, with ranges and validators, like a correct server. */
export function files(contents: Readonly<Record<string, Uint8Array>>, ranges = true): RequestListener {
  return (request, response) => {
    const body = contents[new URL(request.url ?? '/', 'http://far').pathname]
    if (body === undefined) {
      response.writeHead(404).end()
      return
    }
    const headers = {
      etag: '"far"',
      'last-modified': 'Sun, 01 Mar 2026 12:00:00 GMT',
      'content-type': 'text/html',
      ...(ranges ? { 'accept-ranges': 'bytes' } : {}),
    }
    const range = ranges ? /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') : null
    if (range === null) {
      response.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
      return
    }
    const [, first = '', last = ''] = range
    const start = first === '' ? Math.max(0, body.length - Number(last)) : Number(first)
    const end = first === '' || last === '' ? body.length - 1 : Math.min(Number(last), body.length - 1)
    if (start >= body.length) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end()
      return
    }
    const part = body.subarray(start, end + 1)
    const declared = {
      'content-range': `bytes ${start}-${end}/${body.length}`,
      'content-length': part.length,
    }
    response.writeHead(206, { ...headers, ...declared }).end(part)
  }
}
