import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type Failure, isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import { type Answer, decode, encode } from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { createExternalFetch, type ExternalFetchOptions, type ExternalResponse } from './fetch.ts'
import { FORBIDDEN_URLS, OWN_ADDRESSES } from './forbidden-urls.test-data.ts'
import { requestLeniently } from './lenient-request.ts'
import { createPinnedLookup } from './pinned-agent.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const MAX_BYTES = 100_000

function fetcher(
  options: Partial<ExternalFetchOptions> & { readonly allowedHosts?: readonly string[] } = {},
) {
  const { allowedHosts = [], ...rest } = options
  const external = createExternalFetch({
    ownName: undefined,
    policy: { ports: [], allowedHosts, ownAddresses: [] },
    nameServers: [],
    userAgent: 'Testbot/1.0',
    timeoutMs: 20_000,
    maxBytes: MAX_BYTES,
    ...rest,
  })
  closers.push(() => external.close())
  return (url: string, range?: { start: number; end?: number }) =>
    external.open(url, {
      signal: new AbortController().signal,
      ...(range === undefined ? {} : { range }),
    })
}

/** Starts a server on loopback that counts its connections. */
async function listen(listener: RequestListener) {
  const server = createServer(listener)
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => closeServer(server))
  const { port } = server.address() as AddressInfo
  return { host: `localhost:${port}`, url: `http://localhost:${port}`, port, connections: () => connections }
}

/** Starts a server that responds to every request with the same raw bytes and closes the connection. */
async function listenRaw(bytes: string) {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.from(bytes, 'latin1')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  return { host: `localhost:${port}`, url: `http://localhost:${port}` }
}

function closeServer(server: Server): Promise<unknown> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
}

/** Starts a name server that returns the answers of the test and counts its queries. */
async function startDnsServer(answers: (name: string, type: string, asked: number) => Answer[] | 'silence') {
  const socket = createSocket('udp4')
  let asked = 0
  socket.on('message', (message, remote) => {
    const query = decode(message)
    const [question] = query.questions ?? []
    const said = answers(question?.name ?? '', question?.type ?? '', asked++)
    if (said === 'silence') return
    const packet = encode({
      type: 'response',
      id: query.id ?? 0,
      flags: 0x0180,
      questions: query.questions ?? [],
      answers: said,
    })
    socket.send(packet, remote.port, remote.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  closers.push(() => socket.close())
  return { nameServers: [`127.0.0.1:${socket.address().port}`], asked: () => asked }
}

const a = (name: string, data: string): Answer => ({ type: 'A', name, data, ttl: 0 })

const text = async (opened: ExternalResponse | Failure) =>
  isFailure(opened) ? opened.code : new Response(opened.body).text()

describe('an external fetch', () => {
  it('returns the body with its metadata', async () => {
    const far = await listen((_, response) => {
      response.writeHead(200, {
        'content-length': 5,
        etag: '"abc"',
        'last-modified': 'Sun, 01 Mar 2026 12:00:00 GMT',
      })
      response.end('hello')
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(`${far.url}/a?b=c`)
    expect(opened).toMatchObject({
      sizeBytes: 5,
      etag: '"abc"',
      lastModified: new Date('2026-03-01T12:00:00Z'),
    })
    expect(await text(opened)).toBe('hello')
  })

  it('combines several Cache-Control headers', async () => {
    const far = await listen((_, response) => {
      response.setHeader('cache-control', ['public', 'no-store'])
      response.end('x')
    })
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({ lifeSeconds: 300 })
  })

  it.each([
    ['Sun, 01 Mar 2026 12:00:00 GMT', new Date('2026-03-01T12:00:00Z')],
    ['Sun, 01 Mar 2026 13:00:00 +0100', new Date('2026-03-01T12:00:00Z')],
    ['2026-03-01T12:00:00Z', new Date('2026-03-01T12:00:00Z')],
    ['0', undefined],
    ['-1', undefined],
    ['1', undefined],
    ['never', undefined],
  ])('reads the date %j of a file as %s', async (date, lastModified) => {
    const far = await listen((_, response) => response.writeHead(200, { 'last-modified': date }).end('x'))
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({ lastModified })
  })

  it('sends only the necessary headers, and nothing about the client', async () => {
    let headers: NodeJS.Dict<string | string[]> = {}
    const far = await listen((request, response) => {
      headers = request.headers
      response.end('x')
    })
    await text(await fetcher({ allowedHosts: ['localhost'] })(far.url))
    expect(headers).toEqual({
      host: far.host,
      connection: 'keep-alive',
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'Testbot/1.0',
    })
  })

  it('forwards a range, and reports which range it got', async () => {
    const far = await listen((request, response) => {
      if (request.headers.range !== 'bytes=2-3') response.end('0123456789')
      else response.writeHead(206, { 'content-range': 'bytes 2-3/10', 'content-length': 2 }).end('23')
    })
    const open = fetcher({ allowedHosts: [far.host] })
    const part = await open(far.url, { start: 2, end: 3 })
    expect(part).toMatchObject({ sizeBytes: 10, range: { start: 2, end: 3 } })
    expect(await text(part)).toBe('23')
    const whole = await open(far.url, { start: 5 })
    expect(whole).not.toHaveProperty('range')
    expect(await text(whole)).toBe('0123456789')
  })

  it.each([
    ['lines that end with LF', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 5\r\n\r\nhello'],
    ['a control character', 'HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 5\r\n\r\nhello'],
    ['an unknown version', 'HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
    ['an interim response', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
    [
      'a transfer coding and a length',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    ],
    [
      'a header of 200 kB',
      `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(200_000)}\r\nContent-Length: 5\r\n\r\nhello`,
    ],
  ])('reads a response with %s, as browsers do', async (_, bytes) => {
    const far = await listenRaw(bytes)
    expect(await text(await fetcher({ allowedHosts: [far.host] })(far.url))).toBe('hello')
  })

  it.each([
    ['that is no HTTP', 'hello'],
    ['without a whole header', 'HTTP/1.1 200 OK\nContent-Le'],
    ['with a header of 300 kB', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(300_000)}\r\n\r\nhello`],
  ])('fails for a response %s', async (_, bytes) => {
    const far = await listenRaw(bytes)
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({
      code: 'external-unreachable',
    })
  })

  it('checks the addresses of a host also when it reads a malformed response', async () => {
    const far = await listenRaw('HTTP/1.1 200 OK\n\nhello')
    const dns = await startDnsServer((name, type) => (type === 'A' ? [a(name, '127.0.0.1')] : []))
    const connection = {
      lookup: createPinnedLookup({ ownAddresses: [] }, dns.nameServers),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: 250,
      secureOptions: 0,
    } as const
    const url = new URL(`http://inside.example:${new URL(far.url).port}/`)
    await expect(requestLeniently(url, { connection }, {}, AbortSignal.timeout(5000))).rejects.toMatchObject({
      failure: { code: 'address-refused' },
    })
  })

  it('connects to TLS servers without secure renegotiation, as browsers do', async () => {
    const alert = Promise.withResolvers<number>()
    const record = (...bytes: number[]) =>
      Buffer.from([0x16, 3, 3, 0, bytes.length + 3, ...bytes.slice(0, 1), 0, 0, ...bytes.slice(1)])
    // A ServerHello of TLS 1.2 without extensions, and an empty certificate, which every client rejects.
    const hello = record(2, 38, 3, 3, ...Array<number>(32).fill(7), 0, 0xc0, 0x2f, 0)
    const certificate = record(11, 3, 0, 0, 0)
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.write(Buffer.concat([hello, certificate])))
      socket.on('data', (sent) => sent[0] === 0x15 && alert.resolve(sent[6] ?? 0))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => server.close())
    const { port } = server.address() as AddressInfo
    await fetcher({ allowedHosts: ['localhost'] })(`https://localhost:${port}/`)
    const HANDSHAKE_FAILURE = 40
    expect(await alert.promise).not.toBe(HANDSHAKE_FAILURE)
  })

  it.each([
    [201, {}],
    [202, {}],
    [203, {}],
    [226, {}],
    [206, { 'content-range': 'bytes 0-9/10' }],
  ])('accepts a complete body with another status (%i)', async (status, headers) => {
    const far = await listen((_, response) => {
      response.writeHead(status, { ...headers, 'content-length': 10 }).end('0123456789')
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(far.url)
    expect(opened).toMatchObject({ sizeBytes: 10 })
    expect(opened).not.toHaveProperty('range')
    expect(await text(opened)).toBe('0123456789')
  })

  it.each([
    [206, 'Bytes 2-3/10'],
    [206, 'bytes  2 - 3 / 10'],
    [200, 'bytes 2-3/10'],
  ])('accepts a range declared as %i with %j', async (status, range) => {
    const far = await listen((_, response) => {
      response.writeHead(status, { 'content-range': range, 'content-length': 2 }).end('23')
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(far.url, { start: 2, end: 3 })
    expect(opened).toMatchObject({ sizeBytes: 10, range: { start: 2, end: 3 } })
    expect(await text(opened)).toBe('23')
  })

  it.each([['bytes 0-9/11'], ['bytes 1-10/11'], ['bytes 0-9/*'], ['bytes 0-8/9']])(
    'does not accept a range as the whole (%s)',
    async (range) => {
      const far = await listen((_, response) => {
        response.writeHead(206, { 'content-range': range, 'content-length': 10 }).end('0123456789')
      })
      const opened = await fetcher({ allowedHosts: [far.host] })(far.url)
      expect(opened).toMatchObject({ code: 'external-unreachable' })
    },
  )

  it.each([
    [404, 'not-found'],
    [410, 'not-found'],
    [400, 'external-unreachable'],
    [401, 'external-unreachable'],
    [403, 'external-unreachable'],
    [429, 'external-unreachable'],
    [500, 'external-unreachable'],
    [503, 'external-unreachable'],
    [204, 'external-unreachable'],
    [205, 'external-unreachable'],
    [300, 'external-unreachable'],
    [304, 'external-unreachable'],
    [206, 'external-unreachable'],
  ])('maps %i to %s', async (status, failure) => {
    const far = await listen((_, response) => response.writeHead(status).end())
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({ code: failure })
  })

  it.each([
    ['that says its size', { 'content-length': String(MAX_BYTES + 1) }],
    ['that does not', {}],
  ])('rejects a body beyond the limit %s', async (_, headers) => {
    let sent = 0
    const far = await listen((__, response) => {
      response.writeHead(200, headers as Record<string, string>)
      const write = (): void => {
        while (!response.destroyed && sent <= MAX_BYTES * 20) {
          sent += 10_000
          if (!response.write(Buffer.alloc(10_000))) {
            response.once('drain', write)
            return
          }
        }
      }
      write()
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(far.url)
    if (isFailure(opened)) expect(opened.code).toBe('source-too-large')
    else await expect(text(opened)).rejects.toMatchObject({ failure: { code: 'source-too-large' } })
  })

  it('limits the decoded size of a body with an unrequested encoding', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    const far = await listen((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'image/png' }).end(bomb)
    })
    expect(await text(await fetcher({ allowedHosts: [far.host] })(far.url))).toBe('source-too-large')
  })

  it.each(['compress', 'gzip, gzip, gzip, gzip', 'gzip'])(
    'fails for a body that is not encoded as %s',
    async (coding) => {
      const far = await listen((_, response) => {
        response.writeHead(200, { 'content-encoding': coding }).end('this is no coding at all')
      })
      expect(await text(await fetcher({ allowedHosts: [far.host] })(far.url))).toBe('external-unreachable')
    },
  )

  it('has one deadline for header and body', async () => {
    const silent = await listen(() => undefined)
    const slow = await listen((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 50)
      response.on('close', () => clearInterval(timer))
    })
    const open = fetcher({ allowedHosts: ['localhost'], timeoutMs: 300 })
    expect(await open(silent.url)).toMatchObject({ code: 'external-timeout' })
    const opened = await open(slow.url)
    await expect(text(opened)).rejects.toMatchObject({ failure: { code: 'external-timeout' } })
  })

  it('reports a body that is shorter than its length', async () => {
    const far = await listen((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('short')
      setImmediate(() => response.destroy())
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(far.url)
    const read = text(opened)
    await expect(read).rejects.toBeInstanceOf(BodyError)
    await expect(read).rejects.toMatchObject({ failure: { code: 'external-unreachable' } })
  })

  it('reports a host where nothing listens', async () => {
    const far = await listen((_, response) => response.end())
    await closers.pop()?.()
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({
      code: 'external-unreachable',
      detail: 'ECONNREFUSED',
    })
  })

  it('ends when its caller aborts', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>()
    const far = await listen((_, response) => {
      response.on('close', resolve)
      response.writeHead(200).write('x')
      onAsked()
    })
    const external = createExternalFetch({
      ownName: undefined,
      policy: { ports: [], allowedHosts: [far.host], ownAddresses: [] },
      nameServers: [],
      userAgent: 'x',
      timeoutMs: 10_000,
      maxBytes: 100,
    })
    closers.push(() => external.close())
    const controller = new AbortController()
    const opened = await external.open(far.url, { signal: controller.signal })
    await asked
    controller.abort()
    await closed
    expect(isFailure(opened)).toBe(false)
  })
})

describe('a redirect', () => {
  it('is followed at most five times', async () => {
    const far = await listen((request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) response.end('there')
      else response.writeHead(302, { location: `/${left - 1}` }).end()
    })
    const open = fetcher({ allowedHosts: [far.host] })
    expect(await text(await open(`${far.url}/5`))).toBe('there')
    expect(await open(`${far.url}/6`)).toMatchObject({ code: 'external-unreachable' })
  })

  it.each(FORBIDDEN_URLS.filter((url) => URL.canParse(url) && url.includes('//')))(
    'to %s is rejected',
    async (location) => {
      const far = await listen((_, response) => {
        response.writeHead(302, { location: Buffer.from(location).toString('latin1') }).end()
      })
      const open = fetcher({ policy: { ports: [], allowedHosts: [far.host], ownAddresses: OWN_ADDRESSES } })
      // Refused by the policy, and not because a connection failed.
      expect(await open(far.url)).toMatchObject({ code: 'address-refused' })
      expect(far.connections()).toBe(1)
    },
  )

  it.each([
    ['UTF-8', Buffer.from('/ä b?ö=é'), '/%C3%A4%20b?%C3%B6=%C3%A9'],
    ['Latin-1', Buffer.from('/ä?ö', 'latin1'), '/%E4?%F6'],
    ['what is encoded', Buffer.from('/%C3%A4?a%20b'), '/%C3%A4?a%20b'],
  ])('in %s is requested with exactly its bytes', async (_, location, wanted) => {
    const asked: (string | undefined)[] = []
    const far = await listen(({ url }, response) => {
      asked.push(url)
      if (url === '/') response.writeHead(302, { location: location.toString('latin1') }).end()
      else response.end('there')
    })
    expect(await text(await fetcher({ allowedHosts: [far.host] })(far.url))).toBe('there')
    expect(asked).toEqual(['/', wanted])
  })

  it('to itself is followed with the cookies that it set', async () => {
    const sent: (string | undefined)[] = []
    const far = await listen((request, response) => {
      sent.push(request.headers.cookie)
      if (request.headers.cookie?.includes('pass=1')) return response.end('there')
      const cookies = ['pass=1; Path=/; HttpOnly', 'other=a b; Secure', '=nameless', 'valueless', 'bad=\xe9']
      return response.writeHead(302, { location: '/', 'set-cookie': cookies }).end()
    })
    const open = fetcher({ allowedHosts: [far.host] })
    expect(await text(await open(far.url))).toBe('there')
    expect(await text(await open(far.url))).toBe('there')
    expect(sent).toEqual([undefined, 'pass=1; other=a b', undefined, 'pass=1; other=a b'])
  })

  it('to another origin is followed without cookies', async () => {
    const sent: (string | undefined)[] = []
    const other = await listen((request, response) => {
      sent.push(request.headers.cookie)
      response.end('there')
    })
    const far = await listen((_, response) => {
      response.writeHead(302, { location: other.url, 'set-cookie': 'secret=1' }).end()
    })
    expect(await text(await fetcher({ allowedHosts: ['localhost'] })(far.url))).toBe('there')
    expect(sent).toEqual([undefined])
  })

  it('without a target is rejected', async () => {
    const far = await listen((_, response) => response.writeHead(302, { location: 'http://' }).end())
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({
      code: 'external-unreachable',
    })
  })
})

describe('a malicious name server', () => {
  it.each([
    ['an internal address', [a('evil.test', '127.0.0.1')]],
    ['one among public ones', [a('evil.test', '8.8.8.8'), a('evil.test', '10.0.0.1')]],
    ['a metadata service', [a('evil.test', '169.254.169.254')]],
    [
      'a chain that ends inside',
      [
        { type: 'CNAME', name: 'evil.test', data: 'two.test' } as const,
        { type: 'CNAME', name: 'two.test', data: 'three.test' } as const,
        a('three.test', '127.0.0.1'),
      ],
    ],
  ])('with %s is rejected', async (_, answers) => {
    const far = await listen((__, response) => response.end('reached'))
    const { nameServers } = await startDnsServer((___, type) => (type === 'A' ? answers : []))
    const open = fetcher({ nameServers, policy: { ports: [far.port], allowedHosts: [], ownAddresses: [] } })
    expect(await open(`http://evil.test:${far.port}/`)).toMatchObject({ code: 'address-refused' })
    expect(far.connections()).toBe(0)
  })

  it('with an internal IPv6 address is rejected', async () => {
    const { nameServers } = await startDnsServer((name, type) =>
      type === 'AAAA' ? [{ type: 'AAAA', name, data: '::1', ttl: 0 }] : [a(name, '8.8.8.8')],
    )
    expect(await fetcher({ nameServers })('http://evil.test/')).toMatchObject({ code: 'address-refused' })
  })

  it('that answers first with a public and then with an internal address cannot hand over the second one', async () => {
    // The addresses are only looked up here. A connection is made to exactly the address that is returned.
    const { nameServers, asked } = await startDnsServer((name, type, count) =>
      type === 'A' ? [a(name, count < 2 ? '192.0.9.1' : '127.0.0.1')] : [],
    )
    const resolve = createPinnedLookup({ ownAddresses: [] }, nameServers)
    const look = () =>
      new Promise((done) => resolve('rebind.test', { all: true }, (error, found) => done(error ?? found)))
    expect(await look()).toEqual([{ address: '192.0.9.1', family: 4 }])
    expect(asked()).toBe(2)
    expect(await look()).toMatchObject({ failure: { code: 'address-refused' } })
  })

  it('need not answer for IPv6 when it answers for IPv4', async () => {
    const { nameServers, asked } = await startDnsServer((name, type) =>
      type === 'A' ? [a(name, '8.8.8.8')] : 'silence',
    )
    const resolve = createPinnedLookup({ ownAddresses: [] }, nameServers)
    const resolved = await new Promise((settle) =>
      resolve('one-family.test', { all: true }, (error, addresses) => settle(error ?? addresses)),
    )
    expect(resolved).toEqual([{ address: '8.8.8.8', family: 4 }])
    // The resolver has not yet asked for IPv6 a second time, as it does before it gives up.
    expect(asked()).toBe(2)
  })

  it('that does not answer causes a timeout', async () => {
    const { nameServers } = await startDnsServer(() => 'silence')
    expect(await fetcher({ nameServers, timeoutMs: 300 })('http://silent.test/')).toMatchObject({
      code: 'external-timeout',
    })
  })

  it('that knows no address makes the host unreachable', async () => {
    const { nameServers } = await startDnsServer(() => [])
    expect(await fetcher({ nameServers })('http://nothing.test/')).toMatchObject({
      code: 'external-unreachable',
    })
  })
})
