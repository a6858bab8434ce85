/**
 * What clients and operators see when the store is down, slow, misconfigured, or returns invalid responses.
 */

import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { createS3Store } from '@media-proxy/shared/store/s3.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { declaredPng, halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openOrigin, openS3Server, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Opens an origin with this listener as its S3 endpoint. */
async function originOn(
  listener: RequestListener,
  timeoutMs = scaleTimeout(2000),
): Promise<Omit<Service, 'put'>> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return originAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, timeoutMs)
}

async function originAt(
  endpoint: string,
  timeoutMs: number,
  secretAccessKey = 's',
): Promise<Omit<Service, 'put'>> {
  const store = createS3Store({
    endpoint,
    region: 'auto',
    accessKeyId: 'test-access-key-of-32-characters',
    secretAccessKey,
    timeoutMs,
  })
  const origin = await openOrigin(store, {})
  closers.push(origin.close)
  return origin
}

const PATHS = ['/avatars/1/a.webp', '/attachments/1/a.bin', '/attachments/1/a.png?width=10']
const HEADERS = { etag: '"e"', 'last-modified': 'Sun, 01 Mar 2026 12:00:00 GMT' }

describe('a store', () => {
  it('that is down causes 502, and the log states the reason', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as AddressInfo
    await new Promise((resolve) => gone.close(resolve))
    const origin = await originAt(`http://127.0.0.1:${port}`, scaleTimeout(1000))
    for (const path of PATHS) {
      const { status, body, headers } = await send(origin.url, path)
      expect([status, body.toString(), headers['cache-control']]).toEqual([502, 'Bad Gateway', 'no-store'])
    }
    expect(lastRejection(origin)).toMatchObject({ failure: 'store-unreachable', detail: 'ECONNREFUSED' })
    const ready = await send(origin.url, '/_ready')
    expect([ready.status, ready.body.toString()]).toEqual([503, 'Not ready: store'])
  })

  it('that speaks no TLS causes 502, and the log states the correct setting', async () => {
    const plain = createTcpServer((socket) => {
      socket.on('error', () => undefined).resume()
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n', () => socket.destroy())
    }).listen(0, '127.0.0.1')
    await once(plain, 'listening')
    closers.push(() => new Promise((resolve) => plain.close(resolve)))
    const { port } = plain.address() as AddressInfo
    const origin = await originAt(`https://127.0.0.1:${port}`, scaleTimeout(5000))
    for (const path of PATHS) expect((await send(origin.url, path)).status).toBe(502)
    expect(lastRejection(origin)).toMatchObject({
      failure: 'store-unreachable',
      detail: expect.stringMatching(
        /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER): write http:\/\/ in MEDIA_PROXY_S3_ENDPOINT/,
      ),
    })
  })

  it('that does not answer causes 504', async () => {
    const origin = await originOn(() => undefined, 200)
    for (const path of PATHS) expect((await send(origin.url, path)).status).toBe(504)
    expect(lastRejection(origin)).toMatchObject({ failure: 'store-timeout', detail: 'no answer in 200 ms' })
  })

  it('that rejects the credentials causes 502, and the log states what to fix', async () => {
    const s3 = await openS3Server()
    closers.push(s3.close)
    const origin = await originAt(s3.endpoint, scaleTimeout(5000), 'wrong')
    for (const path of PATHS) expect((await send(origin.url, path)).status).toBe(502)
    const { failure, detail } = lastRejection(origin) ?? {}
    expect(failure).toBe('store-denied')
    expect(detail).toMatch(/MEDIA_PROXY_S3_SECRET_ACCESS_KEY/)
    expect(JSON.stringify(origin.log)).not.toMatch(/AWS4-HMAC|x-amz-signature/i)
  })

  it('without the bucket causes 502, and the log names the bucket', async () => {
    const origin = await originOn((_, response) => {
      response.writeHead(404).end('<Error><Code>NoSuchBucket</Code></Error>')
    })
    expect((await send(origin.url, '/avatars/1/a.webp')).status).toBe(502)
    expect(lastRejection(origin)?.detail).toMatch(/the bucket cdn does not exist/)
  })

  it('that fails twice is tried a third time', async () => {
    const image = await halvesPng(40, 30)
    let asked = 0
    const origin = await originOn((_, response) => {
      asked += 1
      if (asked < 3) response.writeHead(503).end()
      else response.writeHead(200, { ...HEADERS, 'content-length': image.length }).end(image)
    })
    expect((await send(origin.url, '/avatars/1/a.webp')).status).toBe(200)
    expect(asked).toBe(3)
  })

  it('that rejects a request is not tried again', async () => {
    let asked = 0
    const origin = await originOn((_, response) => {
      asked += 1
      response.writeHead(403).end()
    })
    expect((await send(origin.url, '/attachments/1/a.bin')).status).toBe(502)
    expect(asked).toBe(1)
  })

  it('that ends in the middle of an object causes 502 and no partial image', async () => {
    const origin = await originOn((_, response) => {
      response.writeHead(200, { ...HEADERS, 'content-length': 1000 })
      response.write(declaredPng(100, 100).subarray(0, 40))
      setImmediate(() => response.destroy())
    })
    expect((await send(origin.url, '/avatars/1/a.webp')).status).toBe(502)
  })

  it('that stops in the middle of an object causes the response to end instead of hanging', async () => {
    const origin = await originOn((_, response) => {
      response.writeHead(200, { ...HEADERS, 'content-length': 100_000 })
      response.write(Buffer.concat([declaredPng(100, 100).subarray(0, 40), Buffer.alloc(50_000)]))
    }, 300)
    await expect(send(origin.url, '/attachments/1/a.bin')).rejects.toThrow()
    expect((await send(origin.url, '/avatars/1/a.webp')).status).toBe(504)
  })

  it.each([
    [{}, [undefined, undefined]],
    [{ 'content-length': '1' }, [undefined, undefined]],
    [{ etag: '"e"' }, ['"e"', undefined]],
    [{ etag: 'e' }, ['"e"', undefined]],
    [{ etag: 'W/"e"' }, ['"e"', undefined]],
    [{ 'last-modified': HEADERS['last-modified'] }, [undefined, HEADERS['last-modified']]],
    [{ etag: '', 'last-modified': 'soon' }, [undefined, undefined]],
  ])('that sends only %j is passed on without the other headers', async (sentHeaders, expected) => {
    const origin = await originOn((_, response) => {
      response.writeHead(200, sentHeaders).flushHeaders()
      response.end('x')
    })
    const { status, body, headers } = await send(origin.url, '/attachments/1/a.bin')
    expect([status, body.toString()]).toEqual([200, 'x'])
    expect([headers.etag, headers['last-modified']]).toEqual(expected)
    const head = await send(origin.url, '/attachments/1/a.bin', { method: 'HEAD' })
    expect([head.status, head.headers.etag]).toEqual([200, expected[0]])
  })

  it('without validators still has renditions, with ETags of their content', async () => {
    const images = [await halvesPng(40, 30), await halvesPng(30, 40)]
    const origin = await originOn((_, response) => response.end(images[0]), scaleTimeout(2000))
    const first = await send(origin.url, '/avatars/1/a.webp?size=32')
    expect([first.status, first.headers['last-modified']]).toEqual([200, undefined])
    images.reverse()
    const other = await send(origin.url, '/avatars/2/a.webp?size=32')
    expect(other.headers.etag).not.toBe(first.headers.etag)
  })

  it('that redirects is not followed', async () => {
    let asked = 0
    const origin = await originOn((_, response) => {
      asked += 1
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    expect((await send(origin.url, '/attachments/1/a.bin')).status).toBe(502)
    expect(asked).toBe(1)
  })

  it('is released when the client disconnects in the middle', async () => {
    const { promise: closed, resolve: onClose } = Promise.withResolvers<void>()
    const { promise: started, resolve: onStart } = Promise.withResolvers<void>()
    const origin = await originOn((_, response) => {
      response.writeHead(200, { ...HEADERS, 'content-length': 1_000_000_000 })
      response.on('close', onClose)
      const write = (): void => {
        if (response.destroyed) return
        response.write(Buffer.alloc(64 * 1024)) ? setImmediate(write) : response.once('drain', write)
      }
      write()
      onStart()
    })
    const controller = new AbortController()
    const response = await fetch(`${origin.url}/attachments/1/a.bin`, { signal: controller.signal })
    await started
    await response.body?.getReader().read()
    controller.abort()
    await closed
  })
})

/**
 * Returns the latest log record of a rejection. Other
 * records, such as the FFmpeg version, may come at any time.
 */
function lastRejection({ log }: Omit<Service, 'put'>) {
  return log.findLast(({ failure }) => failure !== undefined)
}
