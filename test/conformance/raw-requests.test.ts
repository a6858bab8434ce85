/**
 * Sends raw bytes to the edge and to the origin, to test how the servers of Node and of the platform handle
 * them before our code runs.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { exchange, type RawAnswer } from '../raw-exchange.ts'
import { openEdge, type Service } from '../services.ts'

const IMAGE = '/avatars/1/a.webp?size=32'
const request = (line: string, headers: readonly string[] = ['Host: x']) =>
  `${line}\r\n${[...headers, 'Connection: close'].map((header) => `${header}\r\n`).join('')}\r\n`

describe('raw requests', () => {
  let service: Service

  beforeAll(async () => {
    service = await openEdge({
      MEDIA_PROXY_SECRET_KEY: 'secret',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
      MEDIA_PROXY_NEGOTIATE_FORMAT: 'off',
    })
    await service.put('avatars/1/a', await halvesPng(64, 48))
    await service.put('attachments/1/ü.bin', Buffer.from('0123456789'))
  })
  afterAll(() => service.close())

  const seen = ({ status, headers, body }: RawAnswer) => ({
    status,
    type: headers['content-type'],
    length: headers['content-length'],
    control: headers['cache-control'],
    cors: headers['access-control-allow-origin'],
    body,
  })

  const long = 'x'.repeat(17_000)
  const SAME: readonly (readonly [name: string, bytes: string, status: number])[] = [
    ['an image', request(`GET ${IMAGE} HTTP/1.1`), 200],
    ['an encoded name', request('GET /attachments/1/%C3%BC.bin HTTP/1.1'), 200],
    ['an unencoded UTF-8 name', request('GET /attachments/1/\xc3\xbc.bin HTTP/1.1'), 200],
    ['UTF-8 in the query', request(`GET ${IMAGE}&x=\xc3\xbc HTTP/1.1`), 200],
    ['backslashes', request(`GET ${IMAGE.replaceAll('/', '\\')} HTTP/1.1`.replace(' \\', ' /')), 200],
    [
      'any validator of a file that is not an image',
      request('GET /attachments/1/%C3%BC.bin?width=20 HTTP/1.1', ['Host: x', 'If-None-Match: *']),
      400,
    ],
    ['an absolute URL', request(`GET http://other.test${IMAGE} HTTP/1.1`), 200],
    ['a fragment', request(`GET ${IMAGE}#part HTTP/1.1`), 200],
    ['dots', request(`GET /x/..${IMAGE} HTTP/1.1`), 200],
    ['encoded dots', request(`GET /x/%2e%2e${IMAGE} HTTP/1.1`), 200],
    ['two slashes', request(`GET /${IMAGE} HTTP/1.1`), 404],
    ['an empty query', request('GET /avatars/1/a.webp? HTTP/1.1'), 200],
    ['a body on GET', `${request(`GET ${IMAGE} HTTP/1.1`, ['Host: x', 'Content-Length: 3'])}abc`, 200],
    ['TRACE', request(`TRACE ${IMAGE} HTTP/1.1`), 405],
    ['a URL of 17 kB', request(`GET ${IMAGE}&x=${long} HTTP/1.1`), 200],
    ['headers of 17 kB', request(`GET ${IMAGE} HTTP/1.1`, ['Host: x', `Cookie: ${long}`]), 200],
    ['HEAD of a missing file', request('HEAD /avatars/1/none.webp HTTP/1.1'), 404],
    ['HEAD of a bad request', request('HEAD /avatars/1/a.webp?size=x HTTP/1.1'), 400],
    ['HEAD of an image', request(`HEAD ${IMAGE} HTTP/1.1`), 200],
  ]

  it.each(SAME)('%s gets the same response from the edge and the origin', async (_, bytes, status) => {
    const origin = seen(await exchange(service.originUrl, bytes))
    expect(origin.status).toBe(status)
    expect(origin.length).toMatch(/^\d+$/)
    expect(seen(await exchange(service.url, bytes))).toEqual(origin)
  })

  it('the health check needs no Host in HTTP/1.0, as load balancers send it', async () => {
    expect(seen(await exchange(service.originUrl, 'GET /_health HTTP/1.0\r\n\r\n'))).toMatchObject({
      status: 200,
      body: 'OK',
    })
  })

  it.each([
    ['two hosts', request(`GET ${IMAGE} HTTP/1.1`, ['Host: x', 'Host: y']), 400],
    ['a host that no URL can have', request(`GET ${IMAGE} HTTP/1.1`, ['Host: 127.0.0.256']), 400],
    ['a host with a space', request(`GET ${IMAGE} HTTP/1.1`, ['Host: a b']), 400],
    ['a host with an invalid port', request(`GET ${IMAGE} HTTP/1.1`, ['Host: a:99999']), 400],
    [
      'two lengths',
      request(`GET ${IMAGE} HTTP/1.1`, ['Host: x', 'Content-Length: 1', 'Content-Length: 2']),
      400,
    ],
    [
      'a length and chunks',
      request(`GET ${IMAGE} HTTP/1.1`, ['Host: x', 'Content-Length: 3', 'Transfer-Encoding: chunked']),
      400,
    ],
    [
      'another transfer coding',
      `${request('POST /_metadata HTTP/1.1', ['Host: x', 'Transfer-Encoding: gzip, chunked'])}0\r\n\r\n`,
      501,
    ],
    [
      'chunks in HTTP/1.0',
      `${request('POST /_metadata HTTP/1.0', ['Host: x', 'Transfer-Encoding: chunked'])}0\r\n\r\n`,
      501,
    ],
    ['an invalid method', request(`F=O ${IMAGE} HTTP/1.1`), 400],
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['a header without a name', request(`GET ${IMAGE} HTTP/1.1`, ['Host: x', ': y']), 400],
    [
      'headers of 200 kB',
      request(`GET ${IMAGE} HTTP/1.1`, ['Host: x', `Cookie: ${'x'.repeat(200_000)}`]),
      431,
    ],
  ])('%s is rejected by the origin with its own message', async (_, bytes, status) => {
    const { headers, ...answer } = await exchange(service.originUrl, bytes)
    expect(answer.status).toBe(status)
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'content-length': String(answer.body.length),
    })
  })
})
