/** Requests responses that are not valid HTTP but that browsers accept. */

import { type IncomingHttpHeaders, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Readable } from 'node:stream'
import { type Connector, MAX_HEADER_BYTES } from './pinned-agent.ts'

export interface HttpResponse {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly body: Readable
}

/**
 * Sends a GET and parses the response with the lenient parser of Node. It accepts lines that end with LF
 * alone, folded lines, control characters in values, a `Transfer-Encoding` together with a `Content-Length`,
 * and interim responses. Its connection is not shared, because a lenient parser can misjudge where a response
 * ends. Rejects with the error of the connection or of the parser.
 */
export function requestLeniently(
  url: URL,
  { connection }: Pick<Connector, 'connection'>,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>()
  const start = url.protocol === 'https:' ? requestHttps : requestHttp
  const options = { insecureHTTPParser: true, maxHeaderSize: MAX_HEADER_BYTES, agent: false } as const
  const request = start(url, { ...connection, ...options, headers, signal })
  request.once('response', (body) =>
    resolve({ statusCode: body.statusCode ?? 0, headers: body.headers, body }),
  )
  // A parser error in the body is emitted here too, after the promise is settled.
  request.on('error', reject)
  request.end()
  return promise
}
