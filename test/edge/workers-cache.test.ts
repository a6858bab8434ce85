/**
 * The second driver of the edge cache. No cache is in front of an inner entry point here. The test checks
 * that the two entry points together respond like the first driver, and what they report to the platform.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { type RawRequest, type RawResponse, send } from '../http.ts'
import { openEdge, type Service } from '../services.ts'

const KEYS = { MEDIA_PROXY_SECRET_KEY: 'secret', MEDIA_PROXY_EDGE_SECRET_KEY: 'edge' }
const PATH = '/attachments/1/2/a%20b.png?width=32&format=webp'

describe('renditions in Workers Cache', () => {
  let usual: Service
  let other: Service
  beforeAll(async () => {
    ;[usual, other] = [
      await openEdge(KEYS),
      await openEdge({ ...KEYS, MEDIA_PROXY_CACHE_EDGE_DRIVER: 'workers-cache' }),
    ]
    for (const service of [usual, other]) {
      await service.put('attachments/1/2/a b.png', await halvesPng(64, 48))
      await service.put('avatars/1/a', await halvesPng(64, 48))
      await service.put('attachments/1/2/broken.png', Buffer.from('no image'))
    }
  })
  afterAll(async () => {
    await usual.close()
    await other.close()
  })

  it.each<[string, string, RawRequest]>([
    ['a rendition', PATH, {}],
    ['an avatar', '/avatars/1/a.webp?size=32', {}],
    ['a download', `${PATH}&download=true`, {}],
    ['what is negotiated', '/avatars/1/a.webp?size=32&format=auto', { headers: { accept: 'image/avif' } }],
    ['a part', PATH, { headers: { range: 'bytes=10-19' } }],
    ['a part that is not there', PATH, { headers: { range: 'bytes=999999-' } }],
    ['a head', PATH, { method: 'HEAD' }],
    ['a condition that holds', PATH, { headers: { 'if-none-match': '*' } }],
    ['what is missing', '/avatars/1/none.webp', {}],
    ['what cannot be decoded', '/attachments/1/2/broken.png?width=5', {}],
    ['what is no request', `${PATH}&width=0`, {}],
    ['a stored file', '/attachments/1/2/a%20b.png', {}],
    ['a part of a stored file', '/attachments/1/2/a%20b.png', { headers: { range: 'bytes=0-9' } }],
  ])('are served as with the Cache API: %s', async (_, path, options) => {
    const [one, two] = [await send(usual.url, path, options), await send(other.url, path, options)]
    expect(shared(two)).toEqual(shared(one))
  })

  it('count towards the rate limit of the client', async () => {
    const service = await openEdge({
      ...KEYS,
      MEDIA_PROXY_CACHE_EDGE_DRIVER: 'workers-cache',
      MEDIA_PROXY_RATE_LIMIT_ENABLED: 'true',
      MEDIA_PROXY_RATE_LIMIT_EDGE_DRIVER: 'ledger',
      MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS: '100',
      MEDIA_PROXY_RATE_LIMIT_WINDOW_MS: '600000',
      MEDIA_PROXY_RATE_LIMIT_RENDER_MAX_ATTEMPTS: '2',
    })
    try {
      await service.put('avatars/1/a', await halvesPng(64, 48))
      const statuses = []
      for (const size of [16, 32, 64]) {
        const { status, headers } = await send(service.url, `/avatars/1/a.webp?size=${size}`)
        statuses.push(status)
        if (status === 429) expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      }
      expect(statuses).toEqual([200, 200, 429])
    } finally {
      await service.close()
    }
  })

  it('are not reported as purged unless the platform confirms it', async () => {
    const { status } = await send(other.url, '/_purge', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: JSON.stringify({ object: 'attachments/1/2/a b.png' }),
    })
    expect(status).toBe(503)
  })
})

/** Returns a response without the headers that differ between responses. */
function shared({ status, headers, body }: RawResponse) {
  const own = new Set(['x-request-id', 'server-timing', 'x-cache', 'date', 'last-modified', 'etag'])
  const kept = Object.entries(headers).filter(([name]) => !own.has(name))
  return { status, headers: Object.fromEntries(kept), body: body.toString('base64') }
}
