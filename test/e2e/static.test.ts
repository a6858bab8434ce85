import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../http.ts'
import { openFilesystemOrigin, openS3Server, type Service } from '../services.ts'
import { answering } from '../stores/aws-server.ts'
import { createWorkerHarness } from '../worker-harness.ts'

const STATIC = { MEDIA_PROXY_STATIC_MODE: 'true', MEDIA_PROXY_NODE_ENV: 'test' }

const FILES: readonly (readonly [key: string, content: string, type: string])[] = [
  ['index.html', '<h1>site</h1>', 'text/html'],
  ['app/main.js', 'alert(1)', 'text/javascript'],
  ['app/index.html', '<h1>app</h1>', 'text/html'],
  ['logo.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml'],
  ['a b/c+d/ü%.txt', '0123456789', 'text/plain'],
]

interface Site extends Pick<Service, 'put'> {
  readonly url: string
  close(): Promise<void>
}

/** The worker with S3 and without an origin. */
async function edgeWithS3(): Promise<Site> {
  const s3 = await openS3Server()
  for (const [key, content, type] of FILES) await s3.put(key, Buffer.from(content), type, 'static')
  const vars = {
    ...STATIC,
    MEDIA_PROXY_ORIGIN_URL: '',
    MEDIA_PROXY_S3_ENDPOINT: s3.endpoint,
    MEDIA_PROXY_S3_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    MEDIA_PROXY_S3_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  }
  return harness(vars, s3)
}

describe('a static site at the edge', () => {
  it('is ready only when its bucket can be read', async () => {
    const s3 = await openS3Server()
    for (const [secret, expected] of [
      [s3.credentials.secretAccessKey, [200, 'OK']],
      ['wrong', [503, 'Not ready: store']],
    ] as const) {
      const site = await harness(
        {
          ...STATIC,
          MEDIA_PROXY_ORIGIN_URL: '',
          MEDIA_PROXY_S3_ENDPOINT: s3.endpoint,
          MEDIA_PROXY_S3_ACCESS_KEY_ID: s3.credentials.accessKeyId,
          MEDIA_PROXY_S3_SECRET_ACCESS_KEY: secret,
          MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
          MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '1',
        },
        { put: s3.put, close: async () => undefined },
      )
      for (let count = 0; count < 3; count += 1) {
        const { status, body } = await send(site.url, '/_ready')
        expect([status, body.toString()]).toEqual(expected)
      }
      await site.close()
    }
    await s3.close()
  })
})

it("a static site at the edge reads its bucket past the platform's cache", async () => {
  const cacheControls: (string | undefined)[] = []
  const server = await answering((request, response) => {
    cacheControls.push(request.headers['cache-control'])
    response.writeHead(200, { etag: '"a"', 'cache-control': 'public, max-age=31536000' }).end('a')
  })
  const site = await harness(
    {
      ...STATIC,
      MEDIA_PROXY_ORIGIN_URL: '',
      MEDIA_PROXY_S3_ENDPOINT: server.endpoint,
      MEDIA_PROXY_S3_ACCESS_KEY_ID: 'id',
      MEDIA_PROXY_S3_SECRET_ACCESS_KEY: 'secret',
    },
    { put: async () => undefined, close: server.close },
  )
  expect((await send(site.url, '/logo.svg')).status).toBe(200)
  expect(cacheControls).toEqual(['no-cache'])
  await site.close()
})

/** The worker in front of an origin with a folder, which only the origin can read. */
async function edgeWithFolder(): Promise<Site> {
  const origin = await originWithFolder()
  return harness({ ...STATIC, MEDIA_PROXY_ORIGIN_URL: origin.url }, origin)
}

async function harness(
  vars: Record<string, string>,
  behind: Pick<Service, 'put'> & { close(): Promise<unknown> },
): Promise<Site> {
  const worker = createWorkerHarness({
    workers: [{ configPath: join(import.meta.dirname, '../../wrangler.toml'), vars }],
  })
  const { url } = await worker.listen()
  return {
    url: url.origin,
    put: behind.put,
    async close() {
      await worker.close()
      await behind.close()
    },
  }
}

async function originWithFolder(): Promise<Site> {
  const service = await openFilesystemOrigin(STATIC)
  for (const [key, content, type] of FILES) await service.put(key, Buffer.from(content), type, 'static')
  return service
}

describe.each([
  ['the origin', originWithFolder],
  ['the edge with S3 and without an origin', edgeWithS3],
  ['the edge before a folder', edgeWithFolder],
] as const)('static mode at %s', (_, open) => {
  let site: Site

  beforeAll(async () => {
    site = await open()
  })
  afterAll(() => site.close())

  it.each([
    ['/index.html', '<h1>site</h1>', 'text/html'],
    ['/app/main.js', 'alert(1)', 'text/javascript'],
    ['/', '<h1>site</h1>', 'text/html'],
    ['/app/', '<h1>app</h1>', 'text/html'],
    ['/logo.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml'],
    ['/a%20b/c+d/%C3%BC%25.txt', '0123456789', 'text/plain'],
    ['/a b/c%2Bd/%c3%bc%25.txt'.replace(' ', '%20'), '0123456789', 'text/plain'],
    ['/index.html?width=10&anything', '<h1>site</h1>', 'text/html'],
  ])('serves %s', async (path, content, type) => {
    const { status, body, headers } = await send(site.url, path)
    expect([status, body.toString()]).toEqual([200, content])
    expect(headers['content-type']).toMatch(new RegExp(`^${type.replace(/[+/]/g, '\\$&')}`))
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=0, must-revalidate',
      // The local runtime inserts a reload script into HTML and then sends no length.
      ...(type === 'text/html' ? {} : { 'content-length': String(content.length) }),
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"/),
    })
    for (const name of ['content-security-policy', 'x-robots-tag', 'x-amz-request-id']) {
      expect(headers[name], name).toBeUndefined()
    }
  })

  it('answers ranges, conditional requests and HEAD', async () => {
    const path = '/a%20b/c+d/%C3%BC%25.txt'
    const whole = await send(site.url, path)
    const part = await send(site.url, path, { headers: { range: 'bytes=2-4' } })
    expect([part.status, part.body.toString(), part.headers['content-range']]).toEqual([
      206,
      '234',
      'bytes 2-4/10',
    ])
    const suffix = await send(site.url, path, { headers: { range: 'bytes=-4' } })
    expect([suffix.status, suffix.body.toString()]).toEqual([206, '6789'])
    const beyond = await send(site.url, path, { headers: { range: 'bytes=99-' } })
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */10'])
    const same = await send(site.url, path, { headers: { 'if-none-match': whole.headers.etag ?? '' } })
    expect([same.status, same.body.length]).toEqual([304, 0])
    const stale = await send(site.url, path, { headers: { range: 'bytes=0-0', 'if-range': '"other"' } })
    expect(stale.status).toBe(200)
    const head = await send(site.url, path, { method: 'HEAD' })
    expect([head.status, head.body.length, head.headers['content-length']]).toEqual([200, 0, '10'])
  })

  it.each([
    ['/none', 404],
    ['/app', 404],
    ['/a%20b/', 404],
    ['//127.0.0.1:1/x', 400],
    ['/\\127.0.0.1:1/x', 400],
    ['//', 400],
    ['/app//', 400],
    ['/app%2F', 400],
    ['/%2e%2e%2fcdn', 400],
    ['/a%00b', 400],
    ['/_metadata', 404],
    ['/_sniff', 404],
    ['/v1/relay/x', 404],
  ])('answers %s with %i', async (path, status) => {
    expect((await send(site.url, path)).status).toBe(status)
  })

  it("serves the site's own error page for missing files", async () => {
    expect((await send(site.url, '/none')).body.toString()).toBe('Not Found')
    await site.put('404.html', Buffer.from('<h1>nothing here</h1>'), 'text/html', 'static')
    for (const path of ['/none', '/a%20b/']) {
      const { status, body, headers } = await send(site.url, path)
      expect([status, body.toString(), headers['content-type']]).toEqual([
        404,
        '<h1>nothing here</h1>',
        expect.stringMatching(/^text\/html/),
      ])
      expect(headers.etag).toBeUndefined()
      const head = await send(site.url, path, { method: 'HEAD' })
      expect([head.status, head.body.length]).toEqual([404, 0])
      const again = await send(site.url, path, { headers: { 'if-none-match': '*', range: 'bytes=0-0' } })
      expect(again.status).toBe(404)
    }
  })

  it('has no internal endpoints, and rejects other methods', async () => {
    expect((await send(site.url, '/_metadata', { method: 'POST', body: '{}' })).status).toBe(404)
    expect((await send(site.url, '/index.html', { method: 'PUT' })).status).toBe(405)
    expect((await send(site.url, '/index.html', { method: 'OPTIONS' })).status).toBe(204)
    expect((await send(site.url, '/_health')).body.toString()).toBe('OK')
  })
})
