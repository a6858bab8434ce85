/**
 * Responses of AWS that no other server makes, following its documentation: "Error responses" and
 * "Troubleshoot access denied (403 Forbidden) errors" in the Amazon S3 User Guide.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface ErrorWords {
  readonly status: number
  readonly code: string
  readonly message?: string
  /** Further elements of the body. */
  readonly more?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends an error response. Like AWS, it has no body when the method is HEAD. */
export function reject(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, message = code, more = '', headers = {} }: ErrorWords,
): void {
  response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': 'EXAMPLE', ...headers })
  const signature = request.headers.authorization ?? ''
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message>${more}<SignatureProvided>${signature}</SignatureProvided></Error>`
  response.end(request.method === 'HEAD' ? undefined : body)
}

export interface AwsOptions {
  /** The objects by path, such as `/cdn/a`. */
  readonly objects: Readonly<Record<string, Uint8Array>>
  /** Whether listing is allowed. Without it, missing objects are answered with 403. */
  readonly mayList: boolean
  /** The wording of a 403: since 2024 it contains the missing action, except across accounts. */
  readonly wording?: 'enhanced' | 'plain'
  readonly mayRead?: boolean
}

/** Simulates a bucket at AWS with the given permissions. */
export function awsBucket({ objects, mayList, wording = 'plain', mayRead = true }: AwsOptions): Answer {
  return (request, response) => {
    const url = new URL(request.url ?? '', 'http://aws')
    const deny = (action: string) =>
      reject(request, response, {
        status: 403,
        code: 'AccessDenied',
        message:
          wording === 'plain'
            ? 'Access Denied'
            : `User: arn:aws:iam::123456789012:user/proxy is not authorized to perform: s3:${action} on resource: "arn:aws:s3:::cdn" because no identity-based policy allows the s3:${action} action`,
      })
    const isBucket = url.pathname.split('/').filter((part) => part !== '').length === 1
    if (isBucket) return mayList ? response.end('<ListBucketResult/>') : deny('ListBucket')
    if (!mayRead) return deny('GetObject')
    const object = objects[decodeURIComponent(url.pathname)]
    if (object === undefined) {
      return mayList ? reject(request, response, { status: 404, code: 'NoSuchKey' }) : deny('ListBucket')
    }
    response.writeHead(200, {
      etag: '"e"',
      'last-modified': 'Sun, 01 Mar 2026 12:00:00 GMT',
      'content-length': object.length,
    })
    return response.end(request.method === 'HEAD' ? undefined : object)
  }
}

export interface AnsweringServer {
  readonly endpoint: string
  readonly asked: readonly string[]
  /** The `Authorization` header of each request. */
  readonly signatures: readonly string[]
  /** The number of connections. */
  readonly connections: number
  close(): Promise<void>
}

/** Starts a server on its own port and records its requests. */
export async function answering(answer: Answer): Promise<AnsweringServer> {
  const asked: string[] = []
  const signatures: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.headers.host} ${request.url}`)
    signatures.push(request.headers.authorization ?? '')
    answer(request, response)
  })
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    signatures,
    get connections() {
      return connections
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
