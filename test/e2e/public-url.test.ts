import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, NO_CHROMIUM, openBrowser } from '../browser/chromium.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'

const SERVICES = [
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const

describe.each(SERVICES)('a public URL with a path prefix, at %s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open({
      MEDIA_PROXY_PUBLIC_PATH: '/media/',
      MEDIA_PROXY_SECRET_KEY: 'secret',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
    })
    await service.put('avatars/1/a', await halvesPng(64, 48))
    await service.put('attachments/1/a b.bin', Buffer.from('0123456789'))
    await service.put('up', await halvesPng(64, 48), undefined, 'uploads')
  })
  afterAll(() => service.close())

  it.each([
    ['/avatars/1/a.webp?size=32', 'image/webp'],
    ['/attachments/1/a%20b.bin', 'application/octet-stream'],
    ['/_health', 'text/plain; charset=utf-8'],
    ['/_ready', 'text/plain; charset=utf-8'],
    ['/internal/telemetry', 'application/json'],
  ])('serves %s with and without the prefix', async (path, contentType) => {
    for (const prefix of ['', '/media']) {
      const { status, headers } = await send(service.url, prefix + path)
      expect([prefix, status, headers['content-type']]).toEqual([prefix, 200, contentType])
    }
  })

  it('serves POST requests to internal endpoints below the prefix', async () => {
    const answer = await send(service.url, '/media/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: JSON.stringify({ type: 'upload', upload_filename: 'up' }),
    })
    expect([answer.status, JSON.parse(answer.body.toString()).width]).toEqual([200, 64])
  })

  it('removes the prefix once, and only as a whole segment', async () => {
    for (const path of [
      '/media',
      '/media/media/avatars/1/a.webp',
      '/mediaavatars/1/a.webp',
      '/other/_health',
    ])
      expect((await send(service.url, path)).status, path).toBe(404)
  })

  it('caches one rendition for both spellings', async () => {
    const first = await send(service.url, '/media/avatars/1/a.webp?size=20')
    const second = await send(service.url, '/avatars/1/a.webp?size=20')
    expect(second.headers.etag).toBe(first.headers.etag)
    expect(
      service.log.filter(({ outcome, route }) => outcome === 'rendered' && route === 'avatars'),
    ).toHaveLength(2)
    if (first.headers['x-cache'] !== undefined) expect(second.headers['x-cache']).toBe('HIT')
  })
})

describe.each(SERVICES)('scripts of other origins at %s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open({ MEDIA_PROXY_CORS_ORIGINS: 'https://app.example.com,http://localhost:5173' })
    await service.put('avatars/1/a', await halvesPng(64, 48))
  })
  afterAll(() => service.close())

  it('may read responses when the list names their origin, whoever requested first', async () => {
    const allowed = async (path: string, origin?: string, method = 'GET') => {
      const headers = origin === undefined ? {} : { origin }
      const answer = await send(service.url, path, { method, headers })
      expect(answer.headers.vary, path).toMatch(/\bOrigin\b/)
      return answer.headers['access-control-allow-origin']
    }
    for (const path of ['/avatars/1/a.webp?size=32', '/avatars/1/none.webp', '/nothing', '/_health']) {
      expect(await allowed(path)).toBeUndefined()
      expect(await allowed(path, 'https://app.example.com')).toBe('https://app.example.com')
      expect(await allowed(path, 'https://evil.example.com')).toBeUndefined()
      expect(await allowed(path, 'http://localhost:5173')).toBe('http://localhost:5173')
      expect(await allowed(path, 'null')).toBeUndefined()
    }
    expect(await allowed('/avatars/1/a.webp', 'https://app.example.com', 'OPTIONS')).toBe(
      'https://app.example.com',
    )
  })
})

describe.each(SERVICES)('a page of another origin at %s', (_, open) => {
  it.skipIf(CHROMIUM === undefined)(
    `can read ranges, validators and rate limits by script${CHROMIUM === undefined ? `: ${NO_CHROMIUM}` : ''}`,
    async () => {
      const service = await open({ MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true' })
      await service.put('attachments/1/digits.bin', Buffer.from('0123456789'))
      const site = createServer((__, response) => response.end('<!doctype html><title>a page</title>'))
      await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
      const browser = await openBrowser()
      try {
        const page = await browser.newPage()
        await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`)
        const read = await page.evaluate(async (url: string) => {
          const response = await fetch(url, {
            headers: {
              Range: 'bytes=2-4',
              'Cache-Control': 'no-cache',
              traceparent: '00-x',
              'X-Request-Id': 'r',
            },
          })
          const names = ['content-range', 'etag', 'ratelimit-remaining', 'x-request-id', 'content-length']
          return [await response.text(), ...names.map((name) => response.headers.get(name))]
        }, `${service.url}/attachments/1/digits.bin`)
        expect(read).toEqual([
          '234',
          'bytes 2-4/10',
          expect.stringMatching(/^"/),
          expect.stringMatching(/^\d+$/),
          'r',
          '3',
        ])
      } finally {
        await browser.close()
        site.close()
        await service.close()
      }
    },
  )
})
