import sharp from 'sharp'
import { afterEach, describe, expect, it } from 'vitest'
import { KEYS, path, v2 } from '../e2e/external-paths.ts'
import { halvesPng, noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { openFilesystemOrigin, type Service, type Settings } from '../services.ts'
import { files, openUpstreamServer, type UpstreamServer } from '../upstream-server.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

let service: Service | undefined
afterEach(async () => {
  await service?.close()
  service = undefined
})

async function opened(mode: string, settings: Settings = {}): Promise<string> {
  service = await openFilesystemOrigin({
    MEDIA_PROXY_NSFW_ENABLED: 'true',
    MEDIA_PROXY_NSFW_ON_SERVE: mode,
    // No probability is 0, so everything that is scanned is flagged.
    MEDIA_PROXY_NSFW_THRESHOLD: '0',
    ...settings,
  })
  await service.put('attachments/1/a.png', await noisePng(200, 150))
  await service.put('attachments/1/a.txt', Buffer.from('text'))
  await service.put('avatars/1/a', await halvesPng(200, 150))
  if (FFMPEG !== undefined) {
    await service.put('attachments/1/v.mp4', await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p']))
  }
  return service.url
}

const IMAGE = ['/attachments/1/a.png', '/attachments/1/a.png?width=100&format=png']
const deviation = async (bytes: Buffer) =>
  Math.max(...(await sharp(bytes).stats()).channels.map(({ stdev }) => stdev))

describe('flagged media', () => {
  it('is served unchanged when the mode is off', async () => {
    const url = await opened('off')
    for (const path of IMAGE) {
      const { status, headers } = await send(url, path)
      expect([status, headers['x-media-nsfw']]).toEqual([200, undefined])
    }
  })

  it('has its probability in a header', async () => {
    const url = await opened('header')
    // The probability of this image is five in ten thousand. That of noise would be written as 0.0000.
    await service?.put('attachments/1/a.png', await halvesPng(200, 150))
    for (const path of IMAGE) {
      for (let visit = 0; visit < 2; visit += 1) {
        const { status, headers } = await send(url, path)
        expect(status).toBe(200)
        expect(Number(headers['x-media-nsfw'])).toBeGreaterThan(0)
        expect(headers['x-media-nsfw']).toMatch(/^[01]\.\d{4}$/)
      }
    }
    const text = await send(url, '/attachments/1/a.txt')
    expect([text.status, text.headers['x-media-nsfw']]).toEqual([200, undefined])
    const avatar = await send(url, '/avatars/1/a.webp')
    expect([avatar.status, avatar.headers['x-media-nsfw']]).toEqual([200, undefined])
  })

  it('is blurred', async () => {
    const url = await opened('blur')
    for (const path of IMAGE) {
      const { status, body } = await send(url, path)
      expect(status).toBe(200)
      expect(await deviation(body)).toBeLessThan(8)
    }
    await service?.put('attachments/1/large.png', await halvesPng(2000, 1000))
    for (const query of [
      '',
      '?format=png',
      '?width=1600&format=png',
      '?width=1000&height=1000&fit=cover&format=png',
    ]) {
      const { body } = await send(url, `/attachments/1/large.png${query}`)
      const { width = 0, height = 0 } = await sharp(body).metadata()
      expect(Math.max(width, height), query).toBe(480)
    }
    const part = await send(url, IMAGE[0] ?? '', { headers: { range: 'bytes=0-9' } })
    expect(part.status).toBe(206)
    expect(part.headers['content-type']).toBe('image/webp')
  })

  it.skipIf(FFMPEG === undefined)('is a blurred still for a video (needs FFmpeg)', async () => {
    const url = await opened('blur')
    const { headers } = await send(url, '/attachments/1/v.mp4')
    expect(headers['content-type']).toBe('image/webp')
  })

  it('is blocked', async () => {
    const url = await opened('block')
    for (const path of IMAGE) {
      const { status, body } = await send(url, path)
      expect([status, body.toString()]).toEqual([403, 'Forbidden'])
    }
    expect((await send(url, '/attachments/1/a.txt')).status).toBe(200)
  })

  it('has another ETag in each mode', async () => {
    const tags = []
    for (const mode of ['header', 'blur']) {
      const url = await opened(mode)
      tags.push((await send(url, IMAGE[1] ?? '')).headers.etag)
      await service?.close()
    }
    service = undefined
    expect(new Set(tags).size).toBe(2)
  })
})

describe('media that is not flagged', () => {
  it.each(['header', 'blur', 'block'])('is served in every mode: %s', async (mode) => {
    const url = await opened(mode, { MEDIA_PROXY_NSFW_THRESHOLD: '1' })
    for (const path of IMAGE) {
      const { status, body } = await send(url, path)
      expect(status).toBe(200)
      expect(await deviation(body)).toBeGreaterThan(15)
    }
  })
})

describe('media that could not be scanned', () => {
  const NO_MODEL = { MEDIA_PROXY_NSFW_MODEL_PATH: '/none/model.onnx' }

  it.each(['header', 'blur', 'block'])('is served while scans fail, and not cached: %s', async (mode) => {
    const url = await opened(mode, NO_MODEL)
    for (let visit = 0; visit < 2; visit += 1) {
      for (const path of IMAGE) {
        const { status, headers } = await send(url, path)
        expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=60'])
      }
    }
    expect(service?.log.filter(({ outcome }) => outcome === 'rendered')).toHaveLength(2)
  })

  it('is rejected with 503 when failClosed is set', async () => {
    const url = await opened('block', { ...NO_MODEL, MEDIA_PROXY_NSFW_FAIL_CLOSED: 'true' })
    for (const path of IMAGE) expect((await send(url, path)).status).toBe(503)
  })

  it.each([
    ['header', 200],
    ['blur', 400],
    ['block', 400],
  ])('because it is too expensive to scan is unchanged or rejected, by mode %s: %i', async (mode, status) => {
    const url = await opened(mode, { MEDIA_PROXY_LIMITS_DECODED_BYTES: '20000' })
    expect((await send(url, IMAGE[0] ?? '')).status).toBe(status)
  })

  it.skipIf(FFMPEG === undefined)(
    'does not include a video with an unsupported audio codec (needs FFmpeg)',
    async () => {
      const url = await opened('block')
      const args = ['-f', 'lavfi', '-i', 'sine=d=2', '-map', '0:v', '-map', '1:a']
      const codecs = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'dca', '-strict', '-2']
      await service?.put('attachments/1/d.mkv', await makeVideo('mkv', SECONDS, [...args, ...codecs]))
      for (const path of ['/attachments/1/d.mkv', '/attachments/1/d.mkv?format=jpg&width=40'])
        expect((await send(url, path)).status, path).toBe(403)
    },
  )
})

it.each([
  ['header', 200],
  ['blur', 400],
  ['block', 400],
])('an undecodable image is served or rejected, by mode: %s', async (mode, status) => {
  const url = await opened(mode)
  const webp = await sharp(await noisePng(64, 64))
    .webp({ lossless: true })
    .toBuffer()
  await service?.put('attachments/1/broken.webp', webp.fill(0xff, 60, webp.length - 8))
  expect((await send(url, '/attachments/1/broken.webp')).status).toBe(status)
})

it.skipIf(FFMPEG === undefined)('a video that is named as audio is scanned (needs FFmpeg)', async () => {
  const url = await opened('block')
  await service?.put('attachments/1/f.m4a', await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p']))
  await service?.put('attachments/1/s.m4a', await makeVideo('m4a', 'sine=d=1', ['-c:a', 'aac'], 1))
  expect((await send(url, '/attachments/1/f.m4a')).status).toBe(403)
  expect((await send(url, '/attachments/1/s.m4a')).status).toBe(200)
})

describe('external media', () => {
  let far: UpstreamServer | undefined
  afterEach(() => far?.close())

  /** Serves different bytes each time, under one ETag and with ranges. */
  async function openedBefore(images: readonly Buffer[], mode: string) {
    let asked = 0
    far = await openUpstreamServer((request, response) => {
      const image = images[asked % images.length] ?? Buffer.alloc(0)
      asked += 1
      files({ '/': image })(request, response)
    })
    const url = await opened(mode, {
      ...KEYS,
      MEDIA_PROXY_NSFW_THRESHOLD: '1',
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
    })
    return { url, target: await path(v2(far.url)) }
  }

  it.each(['blur', 'block'])(
    'is served from the scanned bytes, whatever its server sends next: %s',
    async (mode) => {
      const images = [await noisePng(200, 150), await halvesPng(200, 150)]
      const { url, target } = await openedBefore(images, mode)
      const whole = await send(url, target)
      expect(whole.body.equals(images[0] ?? Buffer.alloc(0))).toBe(true)
      const part = await send(url, target, { headers: { range: 'bytes=10-29' } })
      expect([part.status, part.body.equals(images[1]?.subarray(10, 30) ?? Buffer.alloc(0))]).toEqual([
        206,
        true,
      ])
      expect(far?.requests).toHaveLength(2)
    },
  )

  it.skipIf(FFMPEG === undefined)('is read completely when it is a video (needs FFmpeg)', async () => {
    const video = await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p', '-movflags', '+faststart'])
    const { url, target } = await openedBefore([video], 'block')
    const whole = await send(url, target)
    expect([whole.status, whole.body.equals(video), whole.headers['content-type']]).toEqual([
      200,
      true,
      'video/mp4',
    ])
    expect(far?.requests.map(({ headers }) => headers.range)).toEqual([undefined])
    const again = await send(url, target, { headers: { 'if-none-match': whole.headers.etag ?? '' } })
    expect([again.status, again.body.length]).toEqual([304, 0])
    const head = await send(url, target, { method: 'HEAD' })
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([
      200,
      String(video.length),
      0,
    ])
  })

  it('is 404 when its server first answers 404', async () => {
    const image = await halvesPng(200, 150)
    let asked = 0
    far = await openUpstreamServer((request, response) => {
      asked += 1
      if (asked % 2 === 1) response.writeHead(404).end()
      else files({ '/': image })(request, response)
    })
    const other = await opened('block', {
      ...KEYS,
      MEDIA_PROXY_NSFW_THRESHOLD: '1',
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
    })
    expect((await send(other, await path(v2(far.url)))).status).toBe(404)
    expect(asked).toBe(1)
  })

  it('is rasterised when it is SVG, and rejected when it is not media', async () => {
    const drawing = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"/>')
    const { url, target } = await openedBefore([drawing], 'block')
    expect((await send(url, target)).headers['content-type']).toBe('image/webp')
    await service?.close()
    await far?.close()
    const text = await openedBefore([Buffer.from('text')], 'block')
    expect((await send(text.url, text.target)).status).toBe(400)
  })
})
