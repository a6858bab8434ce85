import { request as rawRequest } from 'node:http'
import { createServer } from 'node:net'
import sharp from 'sharp'
import { afterEach, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openEdgeBefore, openFilesystemOrigin, type Service, type Settings } from '../services.ts'
import { until } from '../until.ts'

const KEYS: Settings = { MEDIA_PROXY_SECRET_KEY: 'secret', MEDIA_PROXY_EDGE_SECRET_KEY: 'edge' }

const services: Service[] = []
afterEach(async () => {
  for (const service of services.splice(0).reverse()) await service.close()
})

async function edge(settings: Settings = {}): Promise<Service> {
  const service = await openEdge({ ...KEYS, ...settings })
  services.push(service)
  return service
}

const requests = ({ log }: Service) => log.filter(({ msg }) => msg === 'request')
const renders = ({ log }: Service) => log.filter(({ outcome }) => outcome === 'rendered')

describe('single flight at the edge', () => {
  it('makes one request to the origin for a thousand requests', async () => {
    const service = await edge()
    await service.put('avatars/1/big', await halvesPng(3000, 2000))
    const path = '/avatars/1/big.webp?size=512'
    // The render takes longer than it takes for all thousand requests to arrive.
    service.slowReads(3000)
    const answers = await Promise.all(Array.from({ length: 1000 }, () => send(service.url, path)))
    service.slowReads(0)
    const [first] = answers
    for (const { status, body } of answers) {
      expect(status).toBe(200)
      expect(body.equals(first?.body ?? Buffer.alloc(0))).toBe(true)
    }
    expect(requests(service)).toHaveLength(1)
    const outcomes = answers.map(({ headers }) => headers['x-cache'])
    expect(outcomes.filter((outcome) => outcome === 'MISS')).toHaveLength(1)
    expect(outcomes).toContain('COALESCED')
    // A request that arrives after the render finds the rendition in the cache.
    expect(['MISS', 'COALESCED', 'HIT']).toEqual(expect.arrayContaining([...new Set(outcomes)]))
  })

  it('renders once for two edges', async () => {
    const origin = await openFilesystemOrigin(KEYS)
    await origin.put('avatars/1/big', await halvesPng(3000, 2000))
    const first = await openEdgeBefore(origin, KEYS)
    const second = await openEdgeBefore({ ...origin, close: async () => undefined }, KEYS)
    services.push(first, second)
    const answers = await Promise.all(
      [first, second].flatMap((service) =>
        Array.from({ length: 100 }, () => send(service.url, '/avatars/1/big.webp?size=256')),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(requests(origin).length).toBeLessThanOrEqual(2)
    expect(renders(origin)).toHaveLength(1)
  })

  it('answers the followers when the leader disconnects', async () => {
    const service = await edge()
    await service.put('avatars/1/big', await halvesPng(4000, 3000))
    const path = '/avatars/1/big.avif?size=2048&quality=lossless'
    const { hostname, port } = new URL(service.url)
    const leader = rawRequest({ hostname, port, path })
    leader.on('error', () => undefined)
    leader.end()
    await until(async () => service.storeOperations.length > 0)
    const others = Array.from({ length: 5 }, () => send(service.url, path))
    leader.destroy()
    await new Promise((resolve) => leader.once('close', resolve))
    for (const { status } of await Promise.all(others)) expect(status).toBe(200)
    expect(renders(service)).toHaveLength(1)
  })

  it('shares a rejection, and does not cache it', async () => {
    const service = await edge({ MEDIA_PROXY_CACHE_NOT_FOUND_SECONDS: '0' })
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => send(service.url, '/avatars/1/none.webp')),
    )
    for (const { status, body, headers } of answers) {
      expect([status, body.toString(), headers['cache-control']]).toEqual([404, 'Not Found', 'no-store'])
    }
    expect(new Set(answers.map(({ headers }) => headers['x-request-id'])).size).toBe(50)
    expect(requests(service).length).toBeLessThan(50)
    await service.put('avatars/1/none', await halvesPng(40, 30))
    expect((await send(service.url, '/avatars/1/none.webp')).status).toBe(200)
  })
})

describe('a missing object', () => {
  it('is remembered only at the edge', async () => {
    const service = await edge({ MEDIA_PROXY_CACHE_NOT_FOUND_SECONDS: '3600' })
    const path = '/avatars/1/none.webp'
    await send(service.url, path)
    await until(async () => (await send(service.url, path)).headers['x-cache'] === 'HIT')
    const asked = requests(service).length
    const { status, headers } = await send(service.url, path)
    expect([status, headers['cache-control'], headers['x-cache']]).toEqual([404, 'no-store', 'HIT'])
    expect(requests(service)).toHaveLength(asked)
  })
})

describe('a purge', () => {
  const purge = (service: Service, body: object, url = service.url) =>
    send(url, '/_purge', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  it('shows a replaced object at once, at the edge and the origin, and in every size', async () => {
    const service = await edge()
    const paths = [
      '/avatars/1/a.webp?size=64',
      '/avatars/1/a.png?size=32',
      '/avatars/1/a.webp?size=64&blur=3',
    ]
    await service.put('avatars/1/a', await halvesPng(400, 300))
    await service.put('avatars/1/other', await halvesPng(400, 300))
    for (const path of [...paths, '/avatars/1/other.webp']) {
      await until(async () => (await send(service.url, path)).headers['x-cache'] === 'HIT')
    }
    await service.put('avatars/1/a', await halvesPng(300, 900))
    for (const base of [service.url, service.originUrl]) {
      const { body } = await send(base, paths[0] ?? '')
      expect((await sharp(body).metadata()).height, 'without a purge').toBe(48)
    }
    const { status, body } = await purge(service, { object: 'avatars/1/a' })
    expect([status, JSON.parse(body.toString())]).toEqual([200, { removed: 3 }])
    for (const base of [service.url, service.originUrl]) {
      expect((await sharp((await send(base, paths[0] ?? '')).body).metadata()).height).toBe(192)
    }
    const other = await send(service.url, '/avatars/1/other.webp')
    expect(other.headers['x-cache']).toBe('HIT')
    expect(JSON.parse((await purge(service, { object: 'avatars/1/none' })).body.toString())).toEqual({
      removed: 0,
    })
  })

  it.each([
    ['no secret', {}, '{"object":"a"}', 401],
    ['bad JSON', { 'x-internal-secret': 'secret' }, '{', 400],
    ['no target', { 'x-internal-secret': 'secret' }, '{}', 400],
    ['two targets', { 'x-internal-secret': 'secret' }, '{"object":"a","external":"http://a/"}', 400],
    ['a key with ..', { 'x-internal-secret': 'secret' }, '{"object":"../a"}', 400],
    ['a long body', { 'x-internal-secret': 'secret' }, `{"object":"${'a'.repeat(20_000)}"}`, 413],
  ])('is rejected with %s', async (_, headers, body, status) => {
    const service = await edge()
    for (const url of [service.url, service.originUrl]) {
      const answer = await send(url, '/_purge', { method: 'POST', headers: headers as never, body })
      expect(answer.status).toBe(status)
    }
  })

  it('is rejected as soon as the body exceeds the limit, with or without a declared length', async () => {
    const service = await edge()
    for (const base of [service.url, service.originUrl]) {
      const endless = rawRequest(new URL('/_purge', base), {
        method: 'POST',
        agent: false,
        headers: { 'x-internal-secret': 'secret', 'transfer-encoding': 'chunked' },
      })
      const answered = new Promise<number | undefined>((resolve, reject) => {
        endless.on('error', reject).on('response', ({ statusCode }) => resolve(statusCode))
      })
      endless.write('a'.repeat(20_000))
      expect(await answered).toBe(413)
      endless.on('error', () => undefined).destroy()
    }
  })
})

describe('an unreachable origin', () => {
  it('still allows cache hits, and gives 502 with Retry-After for everything else', async () => {
    const origin = await openFilesystemOrigin(KEYS)
    await origin.put('avatars/1/a', await halvesPng(400, 300))
    const service = await openEdgeBefore(
      { ...origin, close: async () => undefined },
      {
        ...KEYS,
        MEDIA_PROXY_CACHE_EDGE_SECONDS: '1',
      },
    )
    services.push(service)
    await until(async () => (await send(service.url, '/avatars/1/a.webp')).headers['x-cache'] === 'HIT')
    await origin.close()
    const other = await send(service.url, '/avatars/1/a.webp?size=64')
    expect([other.status, other.body.toString()]).toEqual([502, 'Bad Gateway'])
    expect(Number(other.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect((await send(service.url, '/_health')).body.toString()).toBe('OK')
    // Also after its expiry, when the edge revalidates it and
    // the connection breaks: a stale copy is better than none.
    let asked = 0
    const broken = createServer((socket) => {
      asked += 1
      socket.destroy()
    }).listen(Number(new URL(origin.url).port), '127.0.0.1')
    await until(async () => {
      expect((await send(service.url, '/avatars/1/a.webp')).status).toBe(200)
      return asked > 0
    })
    broken.close()
  })
})

describe('a request through the edge', () => {
  it('passes its ids to the origin, and nothing about the client except its address', async () => {
    const service = await edge()
    await send(service.url, '/attachments/none', {
      headers: {
        'x-request-id': 'from-client',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        cookie: 'secret=1',
      },
    })
    expect(requests(service).at(-1)).toMatchObject({ requestId: 'from-client', status: 404 })
  })

  it('negotiates AVIF for assets requested as WebP, only at the edge', async () => {
    const service = await edge()
    await service.put('avatars/1/a', await halvesPng(400, 300))
    const accept = { headers: { accept: 'image/avif,*/*' } }
    const path = '/avatars/1/a.webp?size=128'
    const atEdge = await send(service.url, path, accept)
    expect([atEdge.headers['content-type'], atEdge.headers.vary]).toEqual(['image/avif', 'Accept'])
    const other = await send(service.url, path)
    expect([other.headers['content-type'], other.headers.vary]).toEqual(['image/webp', 'Accept'])
    const named = await send(service.url, '/avatars/1/a.png?size=128', accept)
    expect([named.headers['content-type'], named.headers.vary]).toEqual(['image/png', undefined])
    const atOrigin = await send(service.originUrl, path, accept)
    expect([atOrigin.headers['content-type'], atOrigin.headers.vary]).toEqual(['image/webp', undefined])
  })
})
