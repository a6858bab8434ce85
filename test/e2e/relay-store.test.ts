import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createNetServer, type Server } from 'node:net'
import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import { describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openOrigin, type Service } from '../services.ts'
import { pathOf, SETTINGS, token } from './relay-tokens.ts'

const STORE = { region: 'auto', accessKeyId: 'id', secretAccessKey: 'secret', timeoutMs: 5000 } as const

/** Starts a server on a free port, and returns its address. */
async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('the store behind the relay', () => {
  interface Seen {
    readonly method: string | undefined
    readonly url: string | undefined
    readonly headers: Readonly<Record<string, unknown>>
    readonly body: string
  }

  async function withStore(
    answer: {
      readonly status: number
      readonly headers?: Record<string, string>
      readonly silent?: boolean
      /** Whether the response is sent before the body of the request was read. */
      readonly early?: boolean
    },
    run: (service: Service, seen: readonly Seen[]) => Promise<void>,
  ): Promise<void> {
    const seen: Seen[] = []
    const server = createServer(async (incoming, response) => {
      let body = ''
      if (answer.early === true) {
        response.writeHead(answer.status, answer.headers).end()
        return
      }
      for await (const chunk of incoming) body += chunk
      // Before the first upload a read learns the region of the bucket.
      if (incoming.method === 'PUT')
        seen.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body })
      if (answer.silent !== true) response.writeHead(answer.status, answer.headers).end()
    })
    const address = await listening(server)
    const store = createS3Store({ ...STORE, endpoint: address, timeoutMs: 300 })
    const origin = await openOrigin(store, SETTINGS)
    try {
      await run({ ...origin, put: async () => undefined }, seen)
    } finally {
      await origin.close()
      server.closeAllConnections()
      server.close()
    }
  }

  it('receives the type from the token, the part and the length, and its ETag is returned', async () => {
    await withStore({ status: 200, headers: { etag: '"of the store"' } }, async (service, seen) => {
      const part = { uploadId: 'u/+ ', partNumber: 7, contentType: 'image/png' }
      const answer = await send(
        service.url,
        pathOf(await token(part), undefined, `&uploadId=${encodeURIComponent('u/+ ')}&partNumber=7`),
        { method: 'PUT', headers: { 'content-type': 'text/html' }, body: '0123456789' },
      )
      expect([answer.status, answer.headers.etag]).toEqual([200, '"of the store"'])
      expect(seen).toHaveLength(1)
      expect(seen[0]).toMatchObject({
        method: 'PUT',
        url: '/uploads/folder/a%20b?partNumber=7&uploadId=u%2F%2B%20',
        body: '0123456789',
        headers: { 'content-type': 'image/png', 'content-length': '10' },
      })
    })
  })

  it.each([400, 403, 404, 500, 503])('causes 502 when it answers %i', async (status) => {
    await withStore({ status }, async (service) => {
      const answer = await send(service.url, pathOf(await token()), { method: 'PUT', body: 'x' })
      expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([
        status === 503 ? expect.any(Number) : 502,
        '*',
      ])
      expect(answer.status).toBeGreaterThanOrEqual(502)
    })
  })

  it.each([
    [200, 502],
    [403, 502],
    [503, 503],
  ])('causes a failure when it answers %i before it has the body', async (status, wanted) => {
    await withStore({ status, early: true }, async (service) => {
      const { hostname, port } = new URL(service.url)
      const socket = connect(Number(port), hostname)
      socket.on('error', () => undefined)
      // The rest of the body is not sent before the response.
      socket.write(`PUT ${pathOf(await token())} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc`)
      const [answer] = await once(socket, 'data')
      expect(String(answer)).toMatch(new RegExp(`^HTTP/1\\.1 ${wanted} `))
      socket.destroy()
    })
  })

  it('receives a reset and no orderly end when the client leaves in the middle', async () => {
    const ends: string[] = []
    const server = createNetServer((socket) => {
      socket.once('data', (bytes) => {
        if (!String(bytes).startsWith('PUT ')) {
          socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
          return
        }
        socket.on('end', () => ends.push('end'))
        socket.on('error', (error) => ends.push('code' in error ? String(error.code) : error.message))
        client?.destroy()
      })
    })
    const address = await listening(server)
    const origin = await openOrigin(createS3Store({ ...STORE, endpoint: address }), SETTINGS)
    const { hostname, port } = new URL(origin.url)
    const client = connect(Number(port), hostname)
    client.write(`PUT ${pathOf(await token())} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc`)
    await expect.poll(() => ends).toEqual(['ECONNRESET'])
    await origin.close()
    server.close()
  })

  it('causes a timeout when it does not answer', async () => {
    await withStore({ status: 200, silent: true }, async (service) => {
      const answer = await send(service.url, pathOf(await token()), { method: 'PUT', body: 'x' })
      expect(answer.status).toBe(504)
    })
  })
})
