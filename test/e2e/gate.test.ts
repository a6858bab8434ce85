import { signEdgeRequest } from '@media-proxy/shared/signing/edge-request.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openEdgeBefore, openFilesystemOrigin, type Service } from '../services.ts'

describe('an origin that accepts only the edge', () => {
  let service: Service
  const path = '/avatars/1/a.webp?size=16'

  beforeAll(async () => {
    service = await openEdge({
      MEDIA_PROXY_SECRET_KEY: 'secret',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'new,old',
      MEDIA_PROXY_REQUIRE_CLOUDFLARE_EDGE: 'true',
    })
    await service.put('avatars/1/a', await halvesPng(64, 48))
  })
  afterAll(() => service.close())

  async function signed(change: { path?: string; secret?: string; ageMs?: number } = {}) {
    return signEdgeRequest(
      await createKeyRing([change.secret ?? 'new']),
      { method: 'GET', path: change.path ?? path, clientAddress: '192.0.9.1' },
      Date.now() - (change.ageMs ?? 0),
    )
  }

  it('accepts requests through the edge', async () => {
    expect((await send(service.url, path)).status).toBe(200)
  })

  it('rejects all other requests, whatever headers they send', async () => {
    for (const headers of [
      {},
      { 'cf-connecting-ip': '104.16.0.1', 'cf-ray': '1-FRA' },
      { 'x-forwarded-for': '104.16.0.1' },
      { forwarded: 'for=104.16.0.1' },
      { 'x-edge-client': '192.0.9.1' },
      await signed({ secret: 'wrong' }),
      await signed({ path: '/avatars/1/b.webp' }),
      await signed({ ageMs: 61_000 }),
      await signed({ ageMs: -61_000 }),
    ]) {
      const rejected = await send(service.originUrl, path, { headers: headers as never })
      expect([rejected.status, rejected.body.toString()]).toEqual([403, 'Forbidden'])
      expect(rejected.headers['x-edge-rejected']).toMatch(/^(?:unsigned|incomplete|stale|wrong)$/)
    }
    expect((await send(service.originUrl, '/nothing/here')).status, 'learns nothing of routes').toBe(403)
    const headers = { 'x-forwarded-for': '104.16.0.1' }
    expect((await send(service.originUrl, '/_metrics', { headers })).status).toBe(403)
  })

  it('accepts every key of a rotation', async () => {
    for (const secret of ['new', 'old']) {
      const { status } = await send(service.originUrl, path, { headers: await signed({ secret }) })
      expect(status).toBe(200)
    }
  })

  it('keeps the health and internal endpoints reachable', async () => {
    expect((await send(service.originUrl, '/_health')).body.toString()).toBe('OK')
    expect((await send(service.originUrl, '/_ready')).status).toBe(200)
    const internal = await send(service.originUrl, '/_thumbnail', {
      method: 'POST',
      headers: { 'x-internal-secret': 'secret' },
      body: '{}',
    })
    expect(internal.status).toBe(400)
  })
})

describe('an edge whose signature the origin rejects', () => {
  it("answers 502, because the fault is not the client's", async () => {
    const origin = await openFilesystemOrigin({
      MEDIA_PROXY_SECRET_KEY: 'secret',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'one',
    })
    const service = await openEdgeBefore(origin, {
      MEDIA_PROXY_SECRET_KEY: 'secret',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'other',
    })
    await service.put('avatars/1/a', await halvesPng(64, 48))
    const { status, headers, body } = await send(service.url, '/avatars/1/a.webp')
    expect([status, headers['retry-after'], body.toString()]).toEqual([502, '5', 'Bad Gateway'])
    await service.close()
  })
})

describe('an edge in front of an origin below a path', () => {
  it.each(['/media/', '/media', '/'])('signs the path that the origin sees: %s', async (base) => {
    const settings = {
      MEDIA_PROXY_SECRET_KEY: 'secret',
      MEDIA_PROXY_EDGE_SECRET_KEY: 'one',
      MEDIA_PROXY_PUBLIC_PATH: '/media',
      MEDIA_PROXY_REQUIRE_CLOUDFLARE_EDGE: 'true',
    }
    const origin = await openFilesystemOrigin(settings)
    const service = await openEdgeBefore(
      { ...origin, originUrl: new URL(base, origin.originUrl).href },
      settings,
    )
    await service.put('avatars/1/a', await halvesPng(64, 48))
    const answers = ['/avatars/1/a.webp', '/media/avatars/1/a.webp?size=32'].map((path) =>
      send(service.url, path),
    )
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200])
    await service.close()
  })
})
