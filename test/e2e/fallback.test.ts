import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'

const SERVICES = [
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const

const SETTINGS = {
  MEDIA_PROXY_SECRET_KEY: 'secret',
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
  MEDIA_PROXY_FALLBACK: 'defaults/nobody.png',
}

describe.each(SERVICES)('the fallback of a missing asset, at %s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open(SETTINGS)
    await service.put('defaults/nobody.png', await halvesPng(400, 200))
    await service.put('avatars/1/there', await halvesPng(100, 100))
  })
  afterAll(() => service.close())

  const rendered = () => service.log.filter(({ outcome }) => outcome === 'rendered').length

  it('is served with the requested parameters, for five minutes', async () => {
    const { status, headers, body } = await send(service.url, '/avatars/1/gone.webp?size=64')
    expect([status, headers['content-type'], headers['cache-control'], headers['x-media-life']]).toEqual([
      200,
      'image/webp',
      'public, max-age=300',
      undefined,
    ])
    const { width, height } = await sharp(body).metadata()
    expect([width, height]).toEqual([64, 32])
  })

  it('has its own ETag, and answers 304 to it', async () => {
    const { headers } = await send(service.url, '/avatars/1/gone.webp?size=80')
    const other = await send(service.url, '/avatars/2/also_gone.webp?size=80')
    expect(headers.etag).toMatch(/^"[^"]+"$/)
    expect(other.headers.etag).toBe(headers.etag)
    const again = await send(service.url, '/avatars/1/gone.webp?size=80', {
      headers: { 'if-none-match': headers.etag ?? '' },
    })
    expect([again.status, again.headers['cache-control']]).toEqual([304, 'public, max-age=300'])
    expect((await send(service.url, '/avatars/1/there.webp?size=80')).headers.etag).not.toBe(headers.etag)
  })

  it('is rendered once for all missing objects', async () => {
    await send(service.url, '/avatars/1/first.webp?size=96')
    const before = rendered()
    for (let id = 1; id <= 20; id += 1)
      expect((await send(service.url, `/avatars/${id}/missing.webp?size=96`)).status).toBe(200)
    expect(rendered()).toBe(before)
  })

  it('is transformed by the rules of the requested kind', async () => {
    const sizeOf = async (path: string) => {
      const { width, height } = await sharp((await send(service.url, path)).body).metadata()
      return [width, height]
    }
    expect(await sizeOf('/avatars/9/x.webp?size=100')).toEqual([100, 50])
    expect(await sizeOf('/stickers/9.webp?size=100')).toEqual([100, 100])
  })

  it('is replaced by the object once it exists, at the latest after a purge', async () => {
    const path = '/avatars/1/late.webp?size=64'
    expect((await send(service.url, path)).headers['cache-control']).toBe('public, max-age=300')
    await service.put('avatars/1/late', await halvesPng(100, 100))
    await send(service.url, '/_purge', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: JSON.stringify({ object: 'avatars/1/late' }),
    })
    await expect
      .poll(async () => (await send(service.url, path)).headers['cache-control'])
      .toBe('public, max-age=31536000, immutable')
  })

  it('applies only to assets', async () => {
    expect((await send(service.url, '/attachments/1/gone.png')).status).toBe(404)
    expect((await send(service.url, '/attachments/1/gone.png?width=5')).status).toBe(404)
    expect((await send(service.url, '/themes/0123456789abcdef.css')).status).toBe(404)
  })
})

it('a missing asset is 404 when the fallback is missing too', async () => {
  const service = await openFilesystemOrigin(SETTINGS)
  expect((await send(service.url, '/avatars/1/gone.webp')).status).toBe(404)
  await service.close()
})
