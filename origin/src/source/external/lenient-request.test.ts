import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { expect, it } from 'vitest'
import { a, closers, fetcher, listenRaw, startDnsServer, text } from './external-hosts.test-data.ts'
import { requestLeniently } from './lenient-request.ts'
import { createPinnedLookup } from './pinned-lookup.ts'

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
  ['a header of 200 kB', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(200_000)}\r\nContent-Length: 5\r\n\r\nhello`],
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
    failure: { code: 'address-rejected' },
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
