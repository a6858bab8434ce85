import sharp from 'sharp'
import { afterEach, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service, type Settings } from '../services.ts'
import { until } from '../until.ts'

let service: Service | undefined
afterEach(async () => {
  await service?.close()
  service = undefined
})

async function opened(
  open: (settings?: Settings) => Promise<Service>,
  settings?: Settings,
): Promise<Service> {
  service = await open(settings)
  return service
}

const count = (found: Service, outcome: string) => found.log.filter((line) => line.outcome === outcome).length
const reads = (found: Service) => found.storeOperations.filter(({ operation }) => operation === 'get').length

/** Several spellings of one rendition. */
const SPELLINGS = [
  '/avatars/1/land.webp?size=64',
  '/avatars/1/land.webp?size=64&quality=high&animated=false',
  '/avatars/1/land.webp?quality=80&size=64&dpr=1',
  '/avatars/1/land.WEBP?unknown=1&size=64',
  '/avatars/1/land.webp?size=32&dpr=2',
  '/avatars/1/land.webp?size=64&size=128',
  '/avatars/1/land.webp?size=64&format=webp&download=false',
]

describe('two spellings of one rendition', () => {
  it('are rendered once at the origin', async () => {
    const origin = await opened(openFilesystemOrigin)
    await origin.put('avatars/1/land', await halvesPng(400, 300))
    const bodies = []
    for (const path of SPELLINGS) bodies.push((await send(origin.url, path)).body)
    for (const body of bodies) expect(body.equals(bodies[0] ?? Buffer.alloc(0))).toBe(true)
    expect([count(origin, 'rendered'), count(origin, 'hit')]).toEqual([1, SPELLINGS.length - 1])
  })

  it('cause one request to the origin, and are cache hits at the edge from the second request on', async () => {
    const edge = await opened(openEdge)
    await edge.put('avatars/1/land', await halvesPng(400, 300))
    const answers = []
    for (const path of SPELLINGS) {
      const answer = await send(edge.url, path)
      answers.push(answer)
      // The cache entry is written after the response, so the test waits for it, as a second client would
      // come a moment later.
      if (answers.length === 1) await hit(edge, path)
    }
    expect(answers.map(({ headers }) => headers['x-cache'])).toEqual([
      'MISS',
      ...new Array(SPELLINGS.length - 1).fill('HIT'),
    ])
    expect(count(edge, 'rendered')).toBe(1)
    for (const { body } of answers) expect(body.equals(answers[0]?.body ?? Buffer.alloc(0))).toBe(true)
    for (const { headers } of answers) expect(headers['server-timing']).toMatch(/cache;dur=.*total;dur=/)
  })
})

async function hit(edge: Service, path: string): Promise<void> {
  await until(async () => (await send(edge.url, path)).headers['x-cache'] === 'HIT')
}

describe('concurrent requests', () => {
  it('render once for a hundred callers', async () => {
    const origin = await opened(openFilesystemOrigin)
    await origin.put('avatars/1/big', await halvesPng(3000, 2000))
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => send(origin.url, '/avatars/1/big.webp?size=512')),
    )
    for (const { status, body } of answers) {
      expect(status).toBe(200)
      expect(body.equals(answers[0]?.body ?? Buffer.alloc(0))).toBe(true)
    }
    expect(count(origin, 'rendered')).toBe(1)
    expect(reads(origin)).toBe(1)
  })

  it('read a 12-megapixel source once for four sizes', async () => {
    const origin = await opened(openFilesystemOrigin)
    await origin.put('banners/1/big', await halvesPng(4000, 3000))
    const answers = await Promise.all(
      [64, 128, 256, 512].map((size) => send(origin.url, `/banners/1/big.webp?size=${size}`)),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const widths = await Promise.all(answers.map(async ({ body }) => (await sharp(body).metadata()).width))
    expect(widths).toEqual([64, 128, 256, 512])
    expect([count(origin, 'rendered'), reads(origin)]).toEqual([4, 1])
  })
})

describe('a rendition in memory', () => {
  it('is revalidated against the store when it is stale, and rendered again when the object was replaced', async () => {
    const origin = await opened(openFilesystemOrigin, { MEDIA_PROXY_CACHE_MEMORY_SECONDS: '0' })
    await origin.put('avatars/1/a', await halvesPng(400, 300))
    const first = await send(origin.url, '/avatars/1/a.webp?size=64')
    const second = await send(origin.url, '/avatars/1/a.webp?size=64')
    expect(second.headers.etag).toBe(first.headers.etag)
    expect([count(origin, 'rendered'), count(origin, 'revalidated'), reads(origin)]).toEqual([1, 1, 1])
    await origin.put('avatars/1/a', await halvesPng(300, 900))
    const replaced = await send(origin.url, '/avatars/1/a.webp?size=64')
    expect(replaced.headers.etag).not.toBe(first.headers.etag)
    expect((await sharp(replaced.body).metadata()).height).toBe(192)
  })
})

describe('a cached copy at the edge', () => {
  it('is revalidated by its ETag when it is stale, and replaced when the ETag no longer matches', async () => {
    const edge = await opened(openEdge, {
      MEDIA_PROXY_CACHE_EDGE_SECONDS: '1',
      MEDIA_PROXY_CACHE_MEMORY_SECONDS: '0',
    })
    await edge.put('avatars/1/a', await halvesPng(400, 300))
    const path = '/avatars/1/a.webp?size=64'
    const first = await send(edge.url, path)
    await hit(edge, path)
    const asked = edge.log.length
    // The cached copy has expired once the edge has revalidated it with the origin.
    await until(async () => {
      expect((await send(edge.url, path)).headers['x-cache']).toBe('HIT')
      return edge.log.length > asked
    })
    expect(edge.log.at(-1)).toMatchObject({ status: 304 })
    await edge.put('avatars/1/a', await halvesPng(300, 900))
    let replaced = first
    await until(async () => {
      replaced = await send(edge.url, path)
      return replaced.headers.etag !== first.headers.etag
    })
    expect((await sharp(replaced.body).metadata()).height).toBe(192)
  })
})
