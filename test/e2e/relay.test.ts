import { request } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openEdge, openEdgeBefore, openFilesystemOrigin, openS3Origin, type Service } from '../services.ts'
import { until } from '../until.ts'
import { INTERNAL, pathOf, SETTINGS, token } from './relay-tokens.ts'

const SERVICES = [
  ['the origin with a folder', openFilesystemOrigin],
  ['the origin with S3', openS3Origin],
  ['the edge', openEdge],
  [
    'the edge before S3',
    async (settings: Record<string, string>) => openEdgeBefore(await openS3Origin(settings), settings),
  ],
] as const

describe.each(SERVICES)('the upload relay at %s', (_, open) => {
  let service: Service
  beforeAll(async () => {
    service = await open(SETTINGS)
  })
  afterAll(() => service.close())

  const put = (path: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
    send(service.url, path, { method: 'PUT', headers: { origin: 'https://other.example', ...headers }, body })

  /** Checks the content of the bucket with the internal endpoint. Undefined when the object is missing. */
  async function stored(key: string): Promise<number | undefined> {
    const answer = await send(service.originUrl, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': INTERNAL },
      body: JSON.stringify({ type: 'upload', upload_filename: key, isNSFWAllowed: true }),
    })
    return answer.status === 404 ? undefined : answer.status
  }

  it('stores a body of known length', async () => {
    for (const size of [0, 1, 1000, 5_000_000]) {
      const key = `known ${size}`
      const answer = await put(pathOf(await token({ key }), key), Buffer.alloc(size, 7))
      expect([size, answer.status, answer.body.length]).toEqual([size, 200, 0])
      expect(answer.headers.etag).toMatch(/^"?[^"]+"?$/)
      expect(answer.headers['access-control-allow-origin']).toBe('*')
      expect(answer.headers['access-control-expose-headers']).toMatch(/\bETag\b/)
      expect(answer.headers['cache-control']).toBe('no-store')
      // The object exists but is not media.
      expect(await stored(key)).toBe(400)
    }
  })

  it('stores a body of unknown length', async () => {
    for (const size of [0, 70_000, 3_000_000]) {
      const key = `unknown ${size}`
      const answer = await chunked(service.url, pathOf(await token({ key }), key), size)
      expect([size, answer]).toEqual([size, 200])
      expect(await stored(key)).toBe(400)
    }
  })

  it('answers a preflight', async () => {
    const { status, headers } = await send(service.url, pathOf('any'), { method: 'OPTIONS' })
    expect(status).toBe(204)
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'PUT, OPTIONS',
      'access-control-allow-headers':
        'Content-Type, Content-Length, Authorization, X-Fluxer-Features, X-Client-Context',
      'access-control-max-age': '600',
    })
  })

  it('rejects other methods', async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'TRACE']) {
      for (const body of [undefined, 'a body']) {
        const options = {
          method,
          ...(body === undefined ? {} : { body, headers: { 'content-length': '6' } }),
        }
        const { status, headers } = await send(service.url, pathOf(await token()), options)
        expect([method, body, status, headers.allow]).toEqual([method, body, 405, 'PUT, OPTIONS'])
      }
    }
  })

  const soon = () => Math.floor(Date.now() / 1000) + 60

  it.each([
    ['no token', 401, async () => '/v1/relay/folder%2Fa%20b'],
    ['an empty token', 401, async () => pathOf('')],
    ['a malformed token', 401, async () => pathOf('abc')],
    [
      'a token of another secret',
      401,
      async () => pathOf(await token({}, Buffer.alloc(32, 4).toString('base64'))),
    ],
    ['an expired token', 401, async () => pathOf(await token({ expiresAt: soon() - 61 }))],
    ['no token and a bad query', 401, async () => '/v1/relay/x?partNumber=0'],
    ['another bucket', 403, async () => pathOf(await token({ bucket: 'cdn' }))],
    ['another key', 403, async () => pathOf(await token({ key: 'folder/a' }))],
    ['another method', 403, async () => pathOf(await token({ method: 'get' }))],
    [
      'a part that the token does not contain',
      403,
      async () => pathOf(await token(), undefined, '&uploadId=u&partNumber=1'),
    ],
    [
      'no part when the token contains one',
      403,
      async () => pathOf(await token({ uploadId: 'u', partNumber: 1 })),
    ],
    [
      'another part',
      403,
      async () =>
        pathOf(await token({ uploadId: 'u', partNumber: 1 }), undefined, '&uploadId=u&partNumber=2'),
    ],
    [
      'another upload',
      403,
      async () =>
        pathOf(await token({ uploadId: 'u', partNumber: 1 }), undefined, '&uploadId=v&partNumber=1'),
    ],
    ['a part without its upload', 400, async () => pathOf(await token(), undefined, '&partNumber=1')],
    ['an upload without a part', 400, async () => pathOf(await token(), undefined, '&uploadId=u')],
    [
      'a part that is not a number',
      400,
      async () => pathOf(await token(), undefined, '&uploadId=u&partNumber=x'),
    ],
    ['part zero', 400, async () => pathOf(await token(), undefined, '&uploadId=u&partNumber=0')],
    ['part 10001', 400, async () => pathOf(await token(), undefined, '&uploadId=u&partNumber=10001')],
    [
      'a repeated part',
      400,
      async () => pathOf(await token(), undefined, '&uploadId=u&partNumber=1&partNumber=1'),
    ],
    ['a key with ..', 400, async () => pathOf(await token({ key: '../x' }), '../x')],
    ['an empty segment', 400, async () => pathOf(await token({ key: 'a//x' }), 'a//x')],
    ['no key', 404, async () => '/v1/relay/'],
    ['another version', 404, async () => '/v2/relay/x'],
  ])('rejects %s with %i, readable by scripts', async (__, status, path) => {
    const answer = await put(await path(), 'body')
    expect(answer.status).toBe(status)
    if (status !== 404) expect(answer.headers['access-control-allow-origin']).toBe('*')
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(await stored('folder/a b')).toBeUndefined()
  })

  it('rejects a body longer than the token or the limit allows, with or without a declared length', async () => {
    const small = await token({ maxBytes: 9 })
    expect((await put(pathOf(small), '0123456789')).status).toBe(413)
    expect(await chunked(service.url, pathOf(small), 10)).toBe(413)
    const large = await token({ maxBytes: 500_000_000 })
    expect((await put(pathOf(large), Buffer.alloc(5_000_001))).status).toBe(413)
    expect(await stored('folder/a b')).toBeUndefined()
    expect((await put(pathOf(await token({ maxBytes: 10 })), '0123456789')).status).toBe(200)
  })

  it('rejects uploads of unknown length beyond its spool limit', async () => {
    const answer = await chunked(service.url, pathOf(await token({ key: 'spool' }), 'spool'), 4_500_000)
    expect(answer).toBe(503)
    expect(await stored('spool')).toBeUndefined()
    // The space of the spool is free again.
    expect(await chunked(service.url, pathOf(await token({ key: 'spool' }), 'spool'), 3_500_000)).toBe(200)
  })

  const KNOWN = 'content-length: 100000\r\n'
  const CHUNKED = 'transfer-encoding: chunked\r\n'
  it.each([
    ['half of its length', KNOWN, 'half of it'],
    ['its first chunk', CHUNKED, '5\r\nhello\r\n'],
    ['a part of a chunk', CHUNKED, '5\r\nhel'],
    ['no chunk', CHUNKED, ''],
    ['all but its last line', CHUNKED, '5\r\nhello\r\n0\r\n'],
    ['much', CHUNKED, `ffff\r\n${'x'.repeat(0xffff)}\r\n`],
  ])('stores nothing when a body breaks off after %s', async (what, header, body) => {
    for (const way of BREAKS) {
      const key = `broken ${what} ${way}`
      const path = pathOf(await token({ key }), key)
      const ended = () => service.log.filter(({ route }) => route === 'relay').length
      const before = ended()
      expect(await breakOff(service.url, path, { header, body, way })).not.toMatch(/^HTTP\/1\.1 2/)
      // A request that breaks off at once may never reach the origin.
      await until(() => ended() > before, 300).catch(() => undefined)
      expect([way, await stored(key)]).toEqual([way, undefined])
      expect((await put(pathOf(await token({ key }), key), 'whole')).status).toBe(200)
    }
  })
})

describe.each([
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const)('an upload relay without a secret, at %s', (_, open) => {
  it('is disabled', async () => {
    const service = await open({ MEDIA_PROXY_SECRET_KEY: INTERNAL })
    for (const method of ['PUT', 'OPTIONS', 'GET'])
      expect((await send(service.url, pathOf(await token()), { method })).status).toBe(404)
    await service.close()
  })
})

/** Sends a body without a length in pieces, and returns the status. */
function chunked(base: string, path: string, sizeBytes: number): Promise<number> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, method: 'PUT', agent: false }, (incoming) => {
      incoming.resume()
      incoming.on('end', () => resolve(incoming.statusCode ?? 0))
    })
    outgoing.on('error', reject)
    outgoing.setHeader('transfer-encoding', 'chunked')
    const pieces = function* () {
      for (let left = sizeBytes; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536), 1)
    }
    Readable.from(pieces()).pipe(outgoing)
  })
}

/**
 * How the connection breaks: closed together with the request,
 * closed while the server waits for more, or reset then.
 */
const BREAKS = ['at once', 'later', 'by a reset'] as const

interface Broken {
  readonly header: string
  readonly body: string
  readonly way: (typeof BREAKS)[number]
}

/** Sends fewer bytes than declared, and returns the response. */
function breakOff(base: string, path: string, { header, body, way }: Broken): Promise<string> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => {
      const sent = `PUT ${path} HTTP/1.1\r\nhost: x\r\n${header}\r\n${body}`
      if (way === 'at once') socket.end(sent)
      else socket.write(sent)
      if (way === 'later') setTimeout(() => socket.end(), 50)
      if (way === 'by a reset') setTimeout(() => socket.resetAndDestroy(), 50)
    })
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })
}
