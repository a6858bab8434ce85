import { createMediaClient } from '@media-proxy/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedGif, halvesJpeg, halvesPng, SVG, turnedHeic } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, openS3Origin, type Service } from '../services.ts'

const SECRET = 'internal-secret'

describe.each([
  ['the origin with a folder', openFilesystemOrigin],
  ['the origin with S3', openS3Origin],
  ['the edge', openEdge],
] as const)('/_sniff at %s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open({ MEDIA_PROXY_SECRET_KEY: SECRET })
    const files: Readonly<Record<string, Uint8Array>> = {
      'a.jpg': await halvesPng(40, 30),
      jpeg: await halvesJpeg(40, 30),
      gif: await animatedGif(40, 30),
      heic: await turnedHeic(),
      'logo.svg': SVG,
      'page.png': Buffer.from('<!doctype html><script>alert(1)</script>'),
      text: Buffer.from('text'),
      empty: Buffer.alloc(0),
      'large.bin': Buffer.concat([await halvesPng(40, 30), Buffer.alloc(100_000)]),
      mp3: Buffer.from([
        0xff,
        0xfb,
        0x90,
        0x64,
        ...new Array(413).fill(0),
        0xff,
        0xfb,
        0x90,
        0x64,
        ...new Array(413).fill(0),
      ]),
    }
    for (const [key, bytes] of Object.entries(files)) await service.put(key, bytes, 'text/html', 'uploads')
  })
  afterAll(() => service.close())

  const sniff = async (body: unknown, secret = SECRET) => {
    const answer = await send(service.url, '/_sniff', {
      method: 'POST',
      headers: { 'x-internal-secret': secret },
      body: JSON.stringify(body),
    })
    return [answer.status, answer.body.toString()]
  }

  it.each([
    ['a.jpg', '"image/png"'],
    ['jpeg', '"image/jpeg"'],
    ['gif', '"image/gif"'],
    ['heic', '"image/heic"'],
    ['large.bin', '"image/png"'],
    ['mp3', '"audio/mpeg"'],
    ['logo.svg', 'null'],
    ['page.png', 'null'],
    ['text', 'null'],
    ['empty', 'null'],
  ])('returns for %s: %s', async (key, type) => {
    expect(await sniff({ upload_filename: key })).toEqual([200, `{"content_type":${type}}`])
  })

  it('rejects invalid requests', async () => {
    expect(await sniff({ upload_filename: 'none' })).toEqual([404, 'Not Found'])
    expect(await sniff({ upload_filename: '../x' })).toEqual([400, 'Invalid request body'])
    expect(await sniff({})).toEqual([400, 'Invalid request body'])
    expect(await sniff({ upload_filename: 'a.jpg' }, 'wrong')).toEqual([401, 'Unauthorized'])
    expect((await send(service.url, '/_sniff')).status).toBe(405)
  })

  it('is called by the client', async () => {
    const client = createMediaClient({ baseUrl: service.url, secretKey: SECRET })
    expect(await client.sniff('gif')).toBe('image/gif')
    expect(await client.sniff('text')).toBeNull()
    expect(await client.sniff('none')).toMatchObject({ failure: 'not-found' })
  })
})
