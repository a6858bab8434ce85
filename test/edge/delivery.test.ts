import { afterEach, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, type Service, type Settings } from '../services.ts'
import { until } from '../until.ts'

const KEYS: Settings = { MEDIA_PROXY_SECRET_KEY: 'secret', MEDIA_PROXY_EDGE_SECRET_KEY: 'edge' }

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function edge(settings: Settings = {}): Promise<Service> {
  const service = await openEdge({ ...KEYS, ...settings })
  closers.push(() => service.close())
  return service
}

const cacheOf = async (service: Pick<Service, 'url'>, path: string, headers: Record<string, string> = {}) =>
  (await send(service.url, path, { headers })).headers['x-cache']

describe('requests of media players', () => {
  it('become cache hits by the third request, even when they are all range requests', async () => {
    const service = await edge()
    const video = Buffer.alloc(3_000_000, 'abcdefg')
    await service.put('attachments/1/video.mp4', video)
    for (const range of ['bytes=0-', 'bytes=1000-1999', 'bytes=-500']) {
      const headers = { range }
      const first = await send(service.url, '/attachments/1/video.mp4', { headers })
      expect(first.status).toBe(206)
      await until(async () => (await cacheOf(service, '/attachments/1/video.mp4', headers)) === 'HIT')
      const kept = await send(service.url, '/attachments/1/video.mp4', { headers })
      expect([kept.status, kept.headers['content-range'], kept.body.equals(first.body)]).toEqual([
        206,
        first.headers['content-range'],
        true,
      ])
    }
    const whole = await send(service.url, '/attachments/1/video.mp4')
    expect([whole.headers['x-cache'], whole.body.equals(video)]).toEqual(['HIT', true])
    // The whole file is fetched once, in the background, however many range requests there were.
    const wholes = service.log.filter(({ msg, status }) => msg === 'request' && status === 200)
    expect(wholes).toHaveLength(1)
  })

  it('bypass the cache when the file is too large', async () => {
    const service = await edge({ MEDIA_PROXY_CACHE_EDGE_ENTRY_BYTES: '1000' })
    await service.put('attachments/1/large.bin', Buffer.alloc(5000))
    for (let visit = 0; visit < 4; visit += 1) {
      expect(await cacheOf(service, '/attachments/1/large.bin', { range: 'bytes=0-9' })).toBe('BYPASS')
      expect(await cacheOf(service, '/attachments/1/large.bin')).toBe('BYPASS')
    }
  })

  it('answer ranges, conditions and HEAD for a rendition that is too large to cache', async () => {
    const service = await edge({ MEDIA_PROXY_CACHE_EDGE_ENTRY_BYTES: '100' })
    await service.put('attachments/1/a.png', await halvesPng(400, 300))
    const path = '/attachments/1/a.png?width=300&format=png'
    const whole = await send(service.url, path)
    expect([whole.status, whole.headers['x-cache']]).toEqual([200, 'BYPASS'])
    const part = await send(service.url, path, { headers: { range: 'bytes=0-1' } })
    expect([part.status, part.headers['content-range'], part.body.equals(whole.body.subarray(0, 2))]).toEqual(
      [206, `bytes 0-1/${whole.body.length}`, true],
    )
    const known = await send(service.url, path, { headers: { 'if-none-match': whole.headers.etag ?? '' } })
    expect([known.status, known.body.length]).toEqual([304, 0])
    const head = await send(service.url, path, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, String(whole.body.length)])
  })

  it('deliver complete large media to all clients while it is being cached', async () => {
    const service = await edge()
    const bytes = Buffer.alloc(2 * 1024 * 1024 + 7, 'xyz')
    await service.put('attachments/1/two.bin', bytes)
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => send(service.url, '/attachments/1/two.bin')),
    )
    for (const { status, body } of answers) expect([status, body.equals(bytes)]).toEqual([200, true])
    await until(async () => (await cacheOf(service, '/attachments/1/two.bin')) === 'HIT')
    expect((await send(service.url, '/attachments/1/two.bin')).body.equals(bytes)).toBe(true)
  })
})

describe('a takedown', () => {
  const purge = (service: Service, object: string) =>
    send(service.url, '/_purge', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: JSON.stringify({ object }),
    })

  it('reaches every rendition and the original files, and can be repeated', async () => {
    const service = await edge()
    await service.put('avatars/1/a', await halvesPng(64, 48))
    await service.put('attachments/1/a.png', await halvesPng(64, 48))
    const paths = [
      ...Array.from({ length: 60 }, (_, index) => `/avatars/1/a.webp?size=16&blur=${index + 1}`),
      ...Array.from({ length: 10 }, (_, index) => `/attachments/1/a.png?width=${index + 10}`),
      '/attachments/1/a.png',
    ]
    for (const path of paths) await until(async () => (await cacheOf(service, path)) === 'HIT')
    await service.put('avatars/1/a', Buffer.from('gone'))
    await service.put('attachments/1/a.png', Buffer.from('gone'))
    for (const object of ['avatars/1/a', 'attachments/1/a.png'])
      for (let times = 0; times < 2; times += 1) expect((await purge(service, object)).status).toBe(200)
    for (const path of paths) {
      const { status, headers, body } = await send(service.url, path)
      expect(headers['x-cache'], path).not.toBe('HIT')
      expect(status === 200 ? body.toString() : status, path).toSatisfy(
        (found: unknown) => found === 'gone' || found === 400 || found === 500,
      )
    }
  })

  it('does not hide an object that is stored again', async () => {
    const service = await edge()
    await send(service.url, '/avatars/1/later.webp')
    await until(async () => (await cacheOf(service, '/avatars/1/later.webp')) === 'HIT')
    await service.put('avatars/1/later', await halvesPng(64, 48))
    expect((await purge(service, 'avatars/1/later')).status).toBe(200)
    expect((await send(service.url, '/avatars/1/later.webp')).status).toBe(200)
  })
})
