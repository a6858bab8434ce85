/** Every recipe runs, and the service accepts its URLs. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createExternalUrls } from '@media-proxy/client'
import { parseRequest } from '@media-proxy/shared/request/parse.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { verifyExternal } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import { createExpressApi } from './express-server.ts'
import { createHonoApi } from './hono-server.ts'
import { signImages } from './markdown-images.ts'
import { Media, type MediaProps } from './media.tsx'
import mediaLoader from './next-image-loader.ts'

const MEDIA = 'https://media.example.com'
const SECRET = 'secret'

/** Returns the URL that the service would fetch. Throws when it would reject it. */
async function verified(signed: string): Promise<string> {
  const parsed = parseRequest(new URL(signed), { accept: null, assets: false })
  if (isFailure(parsed) || parsed.kind !== 'external') throw new Error(`rejected: ${signed}`)
  const request = await verifyExternal(parsed, await createKeyRing([SECRET]), 0)
  if (isFailure(request)) throw new Error(`${request.code}: ${signed}`)
  return request.url
}

const accepted = (url: string) => !isFailure(parseRequest(new URL(url), { accept: null, assets: false }))

describe('<Media>', () => {
  const base: MediaProps = {
    baseUrl: MEDIA,
    path: '1/2/a b.png',
    metadata: {
      content_type: 'image/png',
      width: 1000,
      height: 500,
      placeholder: 'k0oGLQaSVsN0BVhn2oq2Z5SQUQcZ',
    },
    alt: 'A cat',
    maxWidth: 400,
  }
  const render = (changes: Partial<MediaProps> = {}) =>
    renderToStaticMarkup(createElement(Media, { ...base, ...changes })).replaceAll('&amp;', '&')

  it('is an image with its size, placeholder and srcset', () => {
    const html = render()
    expect(html).toContain('width="400" height="200"')
    expect(html).toContain('url(data:image/png;base64,')
    const srcset = /srcSet="([^"]+)"/i.exec(html)?.[1] ?? ''
    expect(srcset.split(', ').map((candidate) => candidate.split(' ')[1])).toEqual([
      '200w',
      '400w',
      '800w',
      '1000w',
    ])
    for (const candidate of srcset.split(', ')) expect(accepted(candidate.split(' ')[0] ?? '')).toBe(true)
  })

  it('is a video with a poster', () => {
    const html = render({
      path: '1/2/film.mp4',
      metadata: { content_type: 'video/mp4', width: 640, height: 360 },
    })
    const poster = /poster="([^"]+)"/.exec(html)?.[1] ?? ''
    expect(html).toMatch(/^<video src="https:\/\/media.example.com\/attachments\/1\/2\/film.mp4"/)
    expect(accepted(poster)).toBe(true)
  })
})

it('the Next.js loader builds URLs of attachments and avatars in the allowed sizes', () => {
  expect(mediaLoader({ src: '1/2/a.png', width: 640, quality: 75 })).toBe(
    'http://127.0.0.1:8787/attachments/1/2/a.png?width=640&format=auto&quality=75',
  )
  expect(mediaLoader({ src: 'avatars/1/abc', width: 65 })).toBe(
    'http://127.0.0.1:8787/avatars/1/abc.webp?size=80',
  )
})

it('Markdown images are signed, and code is left unchanged', async () => {
  const markdown =
    'A ![cat](https://example.com/a.png?b=c "Cat") and `![no](https://example.com/b.png)`.\n![x](/own.png)'
  const signed = await signImages(markdown, createExternalUrls({ baseUrl: MEDIA, secretKey: SECRET }))
  const [, url = '', rest] = /^A !\[cat\]\((\S+) "Cat"\)(.*)$/s.exec(signed) ?? []
  expect(await verified(url)).toBe('https://example.com/a.png?b=c')
  expect(rest).toBe(' and `![no](https://example.com/b.png)`.\n![x](/own.png)')
})

describe.each([
  ['Express', createExpressApi({ mediaUrl: MEDIA, secretKey: SECRET })],
  ['Hono', createHonoApi({ mediaUrl: MEDIA, secretKey: SECRET })],
] as const)('the API server on %s', (_, app) => {
  it('signs allowed URLs, and rejects others', async () => {
    const ask = 'request' in app && 'fetch' in app ? (path: string) => app.request(path) : askServer(app)
    const response = await ask('/api/media?url=https%3A%2F%2Fexample.com%2Fa.png')
    expect(await verified((await response.json()).url)).toBe('https://example.com/a.png')
    expect((await ask('/api/media?url=file%3A%2F%2F%2Fetc%2Fpasswd')).status).toBe(400)
    expect((await ask('/api/media')).status).toBe(400)
  })
})

function askServer(listener: Parameters<typeof createServer>[1]) {
  return async (path: string): Promise<Response> => {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      return await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`)
    } finally {
      server.close()
    }
  }
}
