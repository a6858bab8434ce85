import { createAttachmentUrls, createExternalUrls } from '@media-proxy/client'
import { decodeObjectKey } from '@media-proxy/shared/request/object-key.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { serializeAttachmentSignature, signAttachment } from '@media-proxy/shared/signing/attachment-url.ts'
import { createBase64KeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { type RawResponse, send } from '../http.ts'
import { openEdge, openEdgeBefore, openFilesystemOrigin, type Service } from '../services.ts'
import { scaleTimeout } from '../timeouts.ts'
import { until } from '../until.ts'

const SECRET = Buffer.alloc(32, 5).toString('base64')
const OLD_SECRET = Buffer.alloc(32, 6).toString('base64')
const OWN = 'https://media.example.com'
const SERVICES = [
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const

const urls = (secret = SECRET, now = Date.now()) =>
  createAttachmentUrls({ baseUrl: '', secret, now: () => now })
const settings = (mode: string) => ({
  MEDIA_PROXY_ATTACHMENT_SIGNATURES: mode,
  MEDIA_PROXY_ATTACHMENT_SECRETS: `${SECRET},${OLD_SECRET}`,
  MEDIA_PROXY_SECRET_KEY: 'secret',
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
  MEDIA_PROXY_PUBLIC_URL: OWN,
})

/** `Server-Timing` is excluded, because it depends on whether the store was read. */
const namesOf = ({ headers }: RawResponse) =>
  Object.keys(headers)
    .filter((name) => name !== 'server-timing')
    .sort()

async function opened(open: (typeof SERVICES)[number][1], mode: string): Promise<Service> {
  const service = await open(settings(mode))
  await service.put('attachments/1/2/a.png', await halvesPng(64, 48))
  await service.put('attachments/1/2/b ü.txt', Buffer.from('0123456789'))
  await service.put('avatars/1/a', await halvesPng(64, 48))
  return service
}

describe.each(SERVICES)('attachments that require a signature, at %s', (_, open) => {
  let service: Service
  beforeAll(async () => {
    service = await opened(open, 'enforce')
  })
  afterAll(() => service.close())

  it('are served until their URL expires', async () => {
    for (const path of ['1/2/a.png', '1/2/b ü.txt']) {
      for (const _ of ['cold', 'warm']) {
        const url = await urls().sign(path)
        const expires = Number.parseInt(new URL(url, 'http://x').searchParams.get('ex') ?? '', 16)
        const { status, headers } = await send(service.url, url)
        expect([path, status]).toEqual([path, 200])
        const seconds = /^public, max-age=(\d+)$/.exec(headers['cache-control'] ?? '')?.[1]
        expect(Math.abs(Number(seconds) - (expires - Date.now() / 1000))).toBeLessThan(30)
      }
    }
  })

  it('share one rendition across different signatures', async () => {
    const first = await send(service.url, await urls().sign('1/2/a.png', { width: 20 }))
    const second = await send(service.url, await urls(OLD_SECRET).sign('1/2/a.png', { width: 20 }))
    const dataPackage = await urls(OLD_SECRET).signForDataPackage('1/2/a.png')
    const third = await send(service.url, `${dataPackage}&width=20`)
    expect([first, second, third].map(({ status }) => status)).toEqual([200, 200, 200])
    expect(second.headers.etag).toBe(first.headers.etag)
    expect(third.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect(service.log.filter(({ outcome }) => outcome === 'rendered')).toHaveLength(1)
    if (first.headers['x-cache'] !== undefined) expect(second.headers['x-cache']).toBe('HIT')
  })

  it('return 404 without a valid signature, cold or cached, for every method and range', async () => {
    const missing = await send(service.url, await urls().sign('1/2/none.png'))
    const old = Date.now() - 3 * 86_400_000
    for (const path of ['1/2/a.png', '1/2/b ü.txt']) {
      await send(service.url, await urls().sign(path))
      const good = await urls().sign(path)
      const bad = [
        good.replace(/\?.*/, ''),
        good.replace(/hm=./, 'hm='),
        good.replace(/hm=../, (found) => `hm=${found === 'hm=00' ? '11' : '00'}`),
        await urls(SECRET, old).sign(path),
        await urls(Buffer.alloc(32, 9).toString('base64')).sign(path),
      ]
      for (const url of bad.flatMap((one) => [one, `${one}${one.includes('?') ? '&' : '?'}width=20`])) {
        const answer = await send(service.url, url)
        expect([url, answer.status, answer.body.toString()]).toEqual([url, 404, 'Not Found'])
        expect(answer.headers['cache-control']).toBe('no-store')
        expect(namesOf(answer)).toEqual(namesOf(missing))
        const part = await send(service.url, url, { headers: { range: 'bytes=0-0', 'if-none-match': '*' } })
        expect(part.status).toBe(404)
        expect((await send(service.url, url, { method: 'HEAD' })).status).toBe(404)
      }
    }
    expect(missing.status).toBe(404)
  })

  it('expire at the same time when an external URL wraps them, for the original and for renditions', async () => {
    const external = createExternalUrls({ baseUrl: '', secretKey: 'secret' })
    for (const parameters of [{}, { width: 24 }]) {
      const good = await urls().sign('1/2/a.png')
      const expires = Number.parseInt(new URL(good, 'http://x').searchParams.get('ex') ?? '', 16)
      const unsigned = good.replace(/\?.*/, '')
      const expired = await urls(SECRET, Date.now() - 3 * 86_400_000).sign('1/2/a.png')
      for (const _ of ['cold', 'warm']) {
        const { status, headers } = await send(service.url, await external.sign(OWN + good, parameters))
        const seconds = /^public, max-age=(\d+)$/.exec(headers['cache-control'] ?? '')?.[1]
        expect([status, headers['x-media-life']]).toEqual([200, undefined])
        expect(Math.abs(Number(seconds) - (expires - Date.now() / 1000))).toBeLessThan(30)
        for (const bad of [unsigned, expired, good.replace(/hm=./, 'hm=')]) {
          const answer = await send(service.url, await external.sign(OWN + bad, parameters))
          expect([bad, answer.status, answer.body.toString()]).toEqual([bad, 404, 'Not Found'])
        }
      }
    }
    const avatar = await send(service.url, await external.sign(`${OWN}/avatars/1/a.png`, { width: 24 }))
    expect([avatar.status, avatar.headers['cache-control']]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ])
  })

  it('answer range and conditional requests with a valid signature', async () => {
    const url = await urls().sign('1/2/b ü.txt')
    const part = await send(service.url, url, { headers: { range: 'bytes=2-4' } })
    expect([part.status, part.body.toString()]).toEqual([206, '234'])
    const again = await send(service.url, url, { headers: { 'if-none-match': part.headers.etag ?? '' } })
    expect([again.status, again.headers['cache-control']]).toEqual([
      304,
      expect.stringMatching(/^public, max-age=\d+$/),
    ])
  })
})

describe('an attachment wrapped by an external URL', () => {
  it('is not served after its signature expires, even when the origin is unreachable', async () => {
    const origin = await openFilesystemOrigin(settings('enforce'))
    await origin.put('attachments/1/2/a.png', await halvesPng(64, 48))
    const service = await openEdgeBefore({ ...origin, close: async () => undefined }, settings('enforce'))
    try {
      const key = decodeObjectKey(['attachments', '1', '2', 'a.png'])
      if (isFailure(key)) throw new Error(key.detail)
      const expiresAt = Math.ceil((Date.now() + scaleTimeout(5000)) / 1000)
      const ring = await createBase64KeyRing([SECRET])
      const signature = serializeAttachmentSignature(
        await signAttachment(ring, key, expiresAt - 60, expiresAt),
      )
      const external = createExternalUrls({ baseUrl: '', secretKey: 'secret' })
      const url = await external.sign(`${OWN}/attachments/1/2/a.png?${signature}`)
      expect((await send(service.url, url)).status).toBe(200)
      await origin.close()
      const kept = await send(service.url, url)
      expect([kept.status, kept.headers['x-cache']]).toEqual([200, 'HIT'])
      await until(() => Date.now() >= expiresAt * 1000)
      expect((await send(service.url, url)).status).toBe(502)
    } finally {
      await service.close()
    }
  })
})

describe.each(SERVICES)('attachments whose signatures are only reported, at %s', (_, open) => {
  it('are served, and a request that would be rejected is logged', async () => {
    const service = await opened(open, 'report')
    const { status, headers } = await send(service.url, '/attachments/1/2/a.png?ex=1')
    expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable'])
    expect((await send(service.url, await urls().sign('1/2/a.png'))).status).toBe(200)
    expect(service.log.filter(({ msg }) => msg === 'an attachment would be rejected').length).toBeGreaterThan(
      0,
    )
    await service.close()
  })
})
