import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { createExternalUrls } from '@media-proxy/client'
import { signExternalPath, signExternalTarget } from '@media-proxy/shared/signing/external-url.ts'
import { createKeyRing } from '@media-proxy/shared/signing/hmac.ts'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedGif, halvesPng, orientedJpeg, SVG } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'
import { KEYS, path, SECRET, v2 } from './external-paths.ts'

const SERVICES = [
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const

/** Allows for the time that a cached response has aged. */
function expectLifetime(cacheControl: string | undefined, seconds: number): void {
  const left = Number(/^public, max-age=(\d+)$/.exec(cacheControl ?? '')?.[1])
  expect(left).toBeLessThanOrEqual(seconds)
  expect(left).toBeGreaterThan(seconds - 120)
}

describe.each(SERVICES)('external media at %s', (_, open) => {
  let service: Service
  let far: UpstreamServer
  let image: Buffer
  let life = ''

  beforeAll(async () => {
    image = await halvesPng(400, 300)
    const contents: Record<string, Uint8Array> = {
      '/a.png': image,
      '/a b.png': image,
      '/a%20b.png': image,
      '/a%5Bb%5D.png': image,
      '/photo.jpg': await orientedJpeg(400, 300),
      '/anim.gif': await animatedGif(80, 60),
      '/logo.svg': SVG,
      '/page.png': Buffer.from('<html><script>alert(1)</script></html>'),
      '/wrong.png': Buffer.concat([image.subarray(0, 60), Buffer.alloc(100)]),
    }
    if (FFMPEG !== undefined) {
      contents['/video.mp4'] = await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p'])
      contents['/sound.mp3'] = await makeVideo('mp3', 'sine=d=1', [], 1)
    }
    const serve = files(contents)
    const encoders: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
      gzip: gzipSync,
      br: brotliCompressSync,
      deflate: deflateSync,
      zstd: zstdCompressSync,
    }
    far = await openUpstreamServer((request, response) => {
      const [, kind, name = ''] = (request.url ?? '').split('/')
      const encode = encoders[name]
      if (kind === 'life') {
        response.writeHead(200, { 'cache-control': life, 'content-type': 'image/png' }).end(image)
      } else if (kind === 'coded' && encode !== undefined) {
        const bytes = encode(image)
        response.writeHead(200, { 'content-encoding': name, 'content-length': bytes.length }).end(bytes)
      } else if (kind === 'unmeasured.png') {
        const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
        const end = Math.min(last === '' ? image.length - 1 : Number(last), image.length - 1)
        response
          .writeHead(206, { 'content-range': `bytes ${first}-${end}/*` })
          .end(image.subarray(Number(first), end + 1))
      } else {
        serve(request, response)
      }
    })
    service = await open({ ...KEYS, MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host })
    await service.put('attachments/1/own.png', image)
    await service.put('avatars/1/own', image)
  })
  afterAll(async () => {
    await service.close()
    await far.close()
  })

  const get = async (target: string, query = '', headers: Record<string, string> = {}) =>
    send(service.url, await path(target, query), { headers })

  it('passes through, with a type detected from its content', async () => {
    const answer = await get(v2(`${far.url}/a.png`))
    expect(answer.status).toBe(200)
    expect(answer.body.equals(image)).toBe(true)
    expect(answer.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(image.length),
      'content-disposition': `inline; filename="a.png"; filename*=UTF-8''a.png`,
      'cache-control': 'public, max-age=31536000, immutable',
      'last-modified': 'Sun, 01 Mar 2026 12:00:00 GMT',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
    })
    expect(answer.headers.etag).toMatch(/^"[0-9a-f]{32}"$/)
  })

  it('accepts all three encodings of a target', async () => {
    const { host } = far
    for (const target of [
      v2(`${far.url}/a.png?c=d`),
      `http/${encodeURIComponent(host)}/a.png`,
      `http/${host}/a.png`,
      `c%3Dd/http/${host}/a.png`,
      `flag/http/${host}/a.png`,
      `http/${host}/a%2520b.png`,
      encodeURIComponent(`${far.url}/a.png?c=d&e=%20`),
    ]) {
      expect((await get(target)).status, target).toBe(200)
    }
    const asked = far.requests.map(({ url }) => url)
    for (const url of ['/a.png?c=d', '/a.png', '/a.png?flag', '/a%20b.png', '/a.png?c=d&e=%20']) {
      expect(asked).toContain(url)
    }
  })

  it('accepts a signature by any key, in base64url or hex', async () => {
    const target = v2(`${far.url}/a.png`)
    expect((await send(service.url, await path(target, '', 'older'))).status).toBe(200)
    const signature = await signExternalTarget(await createKeyRing([SECRET]), target)
    const hex = Buffer.from(signature, 'base64url').toString('hex')
    expect((await send(service.url, `/external/${hex}/${target}`)).status).toBe(200)
  })

  it('is rejected with a wrong signature, and nothing is fetched', async () => {
    const target = v2(`${far.url}/never.png`)
    const right = await signExternalTarget(await createKeyRing([SECRET]), target)
    const before = far.requests.length
    for (const signature of [
      'x',
      right.slice(1),
      `${right}A`,
      `${right}=`,
      right.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')),
      Buffer.from(right, 'base64url').toString('hex').toUpperCase(),
      'a'.repeat(5000),
    ]) {
      const { status, body } = await send(service.url, `/external/${signature}/${target}`)
      expect([status, body.toString()]).toEqual([401, 'Unauthorized'])
    }
    expect((await send(service.url, await path(target, '', 'stranger'))).status).toBe(401)
    expect(far.requests).toHaveLength(before)
  })

  it('allows only the signed parameters when the signature covers them', async () => {
    const sign = async (query: string) =>
      signExternalPath(await createKeyRing([SECRET]), `${far.url}/a.png`, new URLSearchParams(query))
    const status = async (path: string) => (await send(service.url, path)).status
    const signed = await sign('width=40&format=webp')
    const answer = await send(service.url, `${signed}?format=webp&width=40&utm=1`)
    const { format, width } = await sharp(answer.body).metadata()
    expect([answer.status, format, width]).toEqual([200, 'webp', 40])
    expect(await status(`${signed}?format=webp&width=41`)).toBe(401)
    expect(await status(`${signed}?format=webp&width=40&blur=2`)).toBe(401)
    expect(await status(signed)).toBe(401)
    expect(await status(await sign(''))).toBe(200)
    expect(await status(`${await sign('')}?width=40`)).toBe(401)
    const ends = `ex=${Math.floor(Date.now() / 1000) + 36_000}&width=48`
    expect(await status(`${await sign(ends)}?${ends}`)).toBe(200)
  })

  it('negotiates the format when the signature covers the parameters', async () => {
    const ring = await createKeyRing([SECRET])
    const query = 'format=auto&width=120'
    const path = `${await signExternalPath(ring, `${far.url}/a.png`, new URLSearchParams(query))}?${query}`
    for (const [accept, type] of [
      ['image/avif', 'image/avif'],
      ['*/*', 'image/png'],
    ] as const) {
      const { status, headers } = await send(service.url, path, { headers: { accept } })
      expect([status, headers['content-type'], headers.vary]).toEqual([200, type, 'Accept'])
    }
  })

  it('is rejected after its expiry, and is not cached beyond it', async () => {
    const now = Math.floor(Date.now() / 1000)
    const soon = now + 36_000
    const target = v2(`${far.url}/photo.jpg`)
    for (const query of [`ex=${soon}`, `ex=${soon}&width=100`, `width=100&ex=${soon}`]) {
      for (let visit = 0; visit < 2; visit += 1) {
        const { status, headers } = await get(target, query)
        expect(status).toBe(200)
        const age = /^public, max-age=(\d+)$/.exec(headers['cache-control'] ?? '')?.[1]
        expect(Number(age)).toBeLessThanOrEqual(soon - now)
        // An hour is more than any machine needs to respond.
        expect(Number(age)).toBeGreaterThan(soon - now - 3600)
      }
    }
    expect((await get(target, `ex=${now - 1}`)).status).toBe(401)
    expect((await get(target, 'ex=0')).status).toBe(400)
    // The same rendition without an expiry has its own lifetime.
    const { headers } = await get(target, 'width=100')
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
    const moved = (await path(target, `ex=${now + 100}`)).replace(`ex=${now + 100}`, `ex=${now + 9999}`)
    expect((await send(service.url, moved)).status).toBe(401)
  })

  it('is transformed like an attachment', async () => {
    const upright = await get(v2(`${far.url}/photo.jpg`), 'width=150&format=webp')
    expect(await sharp(upright.body).metadata()).toMatchObject({ format: 'webp', width: 150, height: 200 })
    const animated = await get(v2(`${far.url}/anim.gif`), 'width=40&animated=true')
    expect(await sharp(animated.body).metadata()).toMatchObject({ format: 'gif', width: 40, pages: 3 })
    expect(upright.headers['content-disposition']).toBe(
      `inline; filename="photo.webp"; filename*=UTF-8''photo.webp`,
    )
  })

  it('negotiates AVIF when requested', async () => {
    const answer = await get(v2(`${far.url}/a.png`), 'format=auto', { accept: 'image/avif' })
    expect(answer.headers).toMatchObject({ 'content-type': 'image/avif', vary: 'Accept' })
    const other = await get(v2(`${far.url}/a.png`), 'format=auto')
    expect(other.headers).toMatchObject({ 'content-type': 'image/png', vary: 'Accept' })
  })

  it('rasterises an SVG, and serves its text only as a download', async () => {
    const shown = await get(v2(`${far.url}/logo.svg`))
    expect(shown.headers['content-type']).toBe('image/webp')
    const kept = await get(v2(`${far.url}/logo.svg`), 'download=true')
    expect(kept.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(kept.headers['content-disposition']).toMatch(/^attachment; /)
    expect(kept.body.equals(SVG)).toBe(true)
  })

  it('answers ranges, 304 and HEAD', async () => {
    const target = v2(`${far.url}/photo.jpg`)
    const whole = await get(target)
    const part = await get(target, '', { range: 'bytes=2-4' })
    expect([part.status, part.headers['content-range']]).toEqual([206, `bytes 2-4/${whole.body.length}`])
    expect(part.body.equals(whole.body.subarray(2, 5))).toBe(true)
    const last = await get(target, '', { range: 'bytes=-1' })
    expect([last.status, last.body.length]).toEqual([206, 1])
    const beyond = await get(target, '', { range: 'bytes=99999999-' })
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, `bytes */${whole.body.length}`])
    const again = await get(target, '', { 'if-none-match': whole.headers.etag ?? '' })
    expect([again.status, again.body.length]).toEqual([304, 0])
    const head = await send(service.url, await path(target), { method: 'HEAD' })
    expect([head.status, head.body.length, head.headers['content-length']]).toEqual([
      200,
      0,
      String(whole.body.length),
    ])
  })

  it.skipIf(FFMPEG === undefined)('makes stills of videos from ranges (needs FFmpeg)', async () => {
    const still = await get(v2(`${far.url}/video.mp4`), 'time=1.5&format=png')
    expect(await sharp(still.body).metadata()).toMatchObject({ width: 320, height: 192 })
    const { dominant } = await sharp(still.body).stats()
    expect(dominant.g).toBeGreaterThan(200)
    const audio = await get(v2(`${far.url}/sound.mp3`), 'width=10')
    expect([audio.status, audio.body.toString()]).toEqual([400, 'Only images and videos can be transformed'])
    expect((await get(v2(`${far.url}/sound.mp3`))).headers['content-type']).toBe('audio/mpeg')
  })

  it('is rejected when the content is not media, whatever type its server declares', async () => {
    for (const query of ['', 'width=10']) {
      const { status, body } = await get(v2(`${far.url}/page.png`), query)
      expect([status, body.toString()]).toEqual([400, 'Unsupported file format'])
    }
    expect((await get(v2(`${far.url}/wrong.png`), 'width=10')).status).toBe(400)
  })

  it.each([
    ['a missing file', () => v2(`${far.url}/none.png`), 404],
    ['an internal address', () => v2('http://169.254.169.254/latest/meta-data/'), 400],
    ['loopback', () => v2('http://127.0.0.1:22/'), 400],
    ['another scheme', () => v2('file:///etc/passwd'), 400],
    ['user information', () => v2('http://a:b@example.com/'), 400],
    ['an undecodable target', () => 'v2/!!!', 400],
    ['a target without a URL', () => v2('nothing'), 400],
    ['an overlong URL', () => v2(`http://example.com/${'a'.repeat(8200)}`), 400],
  ])('answers %s', async (__, target, status) => {
    expect((await get(target())).status).toBe(status)
  })

  it('reads URLs of the service itself from the store', async () => {
    const before = far.requests.length
    const own = await get(v2('https://media.example.com/attachments/1/own.png'))
    expect(own.body.equals(image)).toBe(true)
    const small = await get(v2('https://media.example.com/attachments/1/own.png?width=300'), 'width=40')
    expect(await sharp(small.body).metadata()).toMatchObject({ width: 40, height: 30 })
    const avatar = await get(v2('https://media.example.com/avatars/1/own.webp?size=64'))
    expect(await sharp(avatar.body).metadata()).toMatchObject({ format: 'webp', width: 64 })
    expect((await get(v2('https://media.example.com/_health'))).status).toBe(400)
    expect(far.requests).toHaveLength(before)
  })

  it.each([
    ['no-store', 300],
    ['private, max-age=9999999', 300],
    ['max-age=3600', 3600],
    ['public, max-age=31536000', undefined],
  ])('caches a response with %s for %j seconds', async (cacheControl, seconds) => {
    life = cacheControl
    const path = `/life/${encodeURIComponent(cacheControl)}.png`
    for (const query of ['', 'width=20&format=webp']) {
      for (const _ of ['cold', 'warm']) {
        const { status, headers } = await get(v2(far.url + path), query)
        expect([status, headers['x-media-life']]).toEqual([200, undefined])
        if (seconds === undefined)
          expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
        else expectLifetime(headers['cache-control'], seconds)
      }
    }
    if (seconds !== undefined) {
      // A longer expiry of the signature does not extend the lifetime.
      const expiry = Math.floor(Date.now() / 1000) + 36_000
      for (const query of ['', 'width=24&format=webp&']) {
        const { headers } = await get(v2(far.url + path), `${query}ex=${expiry}`)
        expectLifetime(headers['cache-control'], seconds)
      }
    }
    const part = await get(v2(far.url + path), '', { range: 'bytes=0-3' })
    expect(part.headers['cache-control']).toMatch(
      seconds === undefined ? /immutable/ : /^public, max-age=\d+$/,
    )
  })

  it.each(['gzip', 'br', 'deflate', 'zstd'])(
    'decodes %s from a server that ignores a request for identity',
    async (coding) => {
      const whole = await get(v2(`${far.url}/coded/${coding}/a.png`))
      expect([whole.status, whole.headers['content-type'], whole.body.equals(image)]).toEqual([
        200,
        'image/png',
        true,
      ])
      expect(whole.headers['content-encoding']).toBeUndefined()
      const small = await get(v2(`${far.url}/coded/${coding}/a.png`), 'width=40')
      expect(await sharp(small.body).metadata()).toMatchObject({ width: 40, height: 30 })
      const part = await get(v2(`${far.url}/coded/${coding}/a.png`), '', { range: 'bytes=1-3' })
      const expected = part.status === 206 ? image.subarray(1, 4) : image
      expect([[200, 206].includes(part.status), part.body.equals(expected)]).toEqual([true, true])
    },
  )

  it('passes on a range of unknown total length', async () => {
    const { status, headers, body } = await get(v2(`${far.url}/unmeasured.png`), '', { range: 'bytes=1-3' })
    expect([status, headers['content-range'], body.equals(image.subarray(1, 4))]).toEqual([
      206,
      'bytes 1-3/*',
      true,
    ])
  })

  it('unwraps external URLs of the service itself', async () => {
    const wrapped = `https://media.example.com/external/any/${v2(`${far.url}/a.png`)}?width=300`
    const small = await get(v2(wrapped), 'width=40')
    expect(await sharp(small.body).metadata()).toMatchObject({ width: 40, height: 30 })
  })

  it('is rendered once for all spellings of its target', async () => {
    const url = `${far.url}/a.png`
    const before = service.log.filter(({ outcome }) => outcome === 'rendered').length
    for (const target of [
      v2(url),
      `http/${far.host}/a.png`,
      encodeURIComponent(url),
      v2(`${url}#fragment`),
    ]) {
      expect((await get(target, 'width=77')).status).toBe(200)
    }
    expect(service.log.filter(({ outcome }) => outcome === 'rendered').length - before).toBe(1)
  })

  it('accepts URLs from the builder', async () => {
    const urls = createExternalUrls({ baseUrl: service.url, secretKey: SECRET })
    const url = new URL(await urls.sign(`${far.url}/photo.jpg`, { width: 60, expiresInSeconds: 60 }))
    const { body } = await send(service.url, url.pathname + url.search)
    expect(await sharp(body).metadata()).toMatchObject({ width: 60, height: 80 })
  })
})
