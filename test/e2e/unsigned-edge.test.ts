import { createAttachmentUrls } from '@media-proxy/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdgeBefore, openFilesystemOrigin, type Service } from '../services.ts'
import { openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'
import { path, SECRET, v2 } from './external-paths.ts'

const SETTINGS = {
  MEDIA_PROXY_SECRET_KEY: SECRET,
  MEDIA_PROXY_PUBLIC_URL: 'https://media.example.com',
  MEDIA_PROXY_FALLBACK: 'defaults/nobody.png',
}
const ATTACHMENTS = {
  MEDIA_PROXY_ATTACHMENT_SIGNATURES: 'enforce',
  MEDIA_PROXY_ATTACHMENT_SECRETS: Buffer.alloc(32, 5).toString('base64'),
}

describe('an edge without an edge secret key', () => {
  let service: Service
  let far: UpstreamServer

  beforeAll(async () => {
    const image = await halvesPng(60, 40)
    far = await openUpstreamServer((request, response) => {
      const declared = (request.url ?? '').slice(1)
      response.writeHead(200, { 'cache-control': declared, 'content-type': 'image/png' }).end(image)
    })
    const origin = await openFilesystemOrigin({
      ...SETTINGS,
      ...ATTACHMENTS,
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
    })
    await origin.put('attachments/1/2/a.png', image)
    await origin.put('defaults/nobody.png', image)
    service = await openEdgeBefore(origin, SETTINGS)
  })
  afterAll(async () => {
    await service.close()
    await far.close()
  })

  it.each(['', 'width=20'])(
    'limits the lifetime of external media as their server declares: %s',
    async (query) => {
      for (const declared of ['no-store', 'max-age=60']) {
        for (const cache of ['MISS', 'HIT']) {
          const { status, headers } = await send(service.url, await path(v2(`${far.url}/${declared}`), query))
          expect([status, headers['x-cache'], headers['x-media-life']]).toEqual([200, cache, undefined])
          expect(headers['cache-control']).toMatch(/^public, max-age=(300|[12]\d\d)$/)
        }
      }
    },
  )

  it('limits the lifetime of an attachment that an external URL wraps', async () => {
    const secret = ATTACHMENTS.MEDIA_PROXY_ATTACHMENT_SECRETS
    const urls = createAttachmentUrls({ baseUrl: SETTINGS.MEDIA_PROXY_PUBLIC_URL, secret })
    const signed = await urls.sign('1/2/a.png')
    for (const cache of ['MISS', 'HIT']) {
      const { headers } = await send(service.url, await path(v2(signed), 'width=20'))
      expect(headers['x-cache']).toBe(cache)
      expect(headers['cache-control']).toMatch(/^public, max-age=\d{4,5}$/)
    }
  })

  it('does not answer a valid URL of an attachment with the rejection of an invalid one', async () => {
    const secret = ATTACHMENTS.MEDIA_PROXY_ATTACHMENT_SECRETS
    const url = await createAttachmentUrls({ baseUrl: '', secret }).sign('1/2/a.png', { width: 30 })
    const unsigned = '/attachments/1/2/a.png?width=30'
    const rejected = await send(service.url, unsigned)
    expect([rejected.status, rejected.headers['x-media-url-rejected']]).toEqual([404, undefined])
    expect((await send(service.url, url)).status).toBe(200)
  })

  it('is given the lifetime of a fallback, also when the origin repeats its response', async () => {
    const asset = '/avatars/1/gone.webp?size=16'
    for (let visit = 0; visit < 3; visit += 1) {
      for (const [headers, lifetime] of [
        [{}, undefined],
        [{ 'x-media-edge': '1' }, '300'],
      ] as const) {
        const answer = await send(service.originUrl, asset, { headers })
        expect(answer.headers['cache-control']).toBe('public, max-age=300')
        expect(answer.headers['x-media-life']).toBe(lifetime)
      }
    }
  })
})
