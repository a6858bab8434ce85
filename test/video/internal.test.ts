import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedGif, halvesPng } from '../fixtures.ts'
import { type RawRequest, send } from '../http.ts'
import { openEdge, openFilesystemOrigin, openS3Origin, type Service, type Settings } from '../services.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

const SECRET = 'a-secret-for-tests'
const SETTINGS: Settings = { MEDIA_PROXY_SECRET_KEY: `${SECRET},an-older-one` }
const SERVICES = [
  ['the origin with a folder', openFilesystemOrigin],
  ['the origin with S3', openS3Origin],
  ['the edge', openEdge],
] as const

/** Builds an animation of frames that do not compress. */
async function noisyAnimation(): Promise<Buffer> {
  const frames = await Promise.all(
    Array.from({ length: 4 }, () =>
      sharp({
        create: {
          width: 1280,
          height: 720,
          channels: 3,
          background: 'grey',
          noise: { type: 'gaussian', mean: 128, sigma: 60 },
        },
      })
        .png()
        .toBuffer(),
    ),
  )
  return sharp(frames, { join: { animated: true } })
    .webp({ quality: 90, effort: 0, delay: [500, 500, 500, 500] })
    .toBuffer()
}

describe.each(SERVICES)('internal stills at %s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open(SETTINGS)
    await service.put('picture', await halvesPng(40, 30), 'image/png', 'uploads')
    await service.put('text', Buffer.from('no media at all'), 'text/plain', 'uploads')
    await service.put('animation', await animatedGif(40, 30), 'image/gif', 'uploads')
    await service.put('broken.mp4', Buffer.from('\0\0\0\x14ftypisom\0\0\0\0isom'), 'video/mp4', 'uploads')
    await service.put('large animation', await noisyAnimation(), 'image/webp', 'uploads')
    if (FFMPEG !== undefined) {
      const noise = 'testsrc2=s=1920x1080:r=5,noise=alls=60:allf=t'
      const large = await makeVideo(
        'mp4',
        noise,
        ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'],
        3,
      )
      await service.put('large video', large, 'video/mp4', 'uploads')
      const slow = await makeVideo(
        'mp4',
        'testsrc2=s=160x90:r=1',
        ['-c:v', 'libx264', '-pix_fmt', 'yuv420p'],
        3,
      )
      await service.put('slow video', slow, 'video/mp4', 'uploads')
      const video = await makeVideo('mp4', SECONDS, ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-g', '25'])
      await service.put('video', video, 'video/mp4', 'uploads')
      await service.put('attachments/1/video', video, 'video/mp4')
    }
  })
  afterAll(() => service.close())

  function post(
    path: string,
    body: unknown,
    headers: RawRequest['headers'] = { 'x-internal-secret': SECRET },
  ) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return send(service.url, path, { method: 'POST', headers: { ...headers }, body: text })
  }
  const thumbnail = (name: string) => post('/_thumbnail', { type: 'upload', upload_filename: name })
  const frames = async (body: unknown) => {
    const response = await post('/_frames', body)
    expect(response.status).toBe(200)
    expect(response.headers['content-type']).toBe('application/json')
    expect(response.headers['cache-control']).toBe('no-store')
    return JSON.parse(response.body.toString()).frames
  }

  it.each([
    ['no secret', {}],
    ['a wrong secret', { 'x-internal-secret': 'wrong' }],
    ['a part of the secret', { 'x-internal-secret': SECRET.slice(0, -1) }],
    ['an empty secret', { 'x-internal-secret': '' }],
    ['a wrong bearer token', { authorization: 'Bearer wrong' }],
    ['another scheme', { authorization: `Basic ${SECRET}` }],
  ])('are rejected without a valid secret: %s', async (__, headers) => {
    for (const path of ['/_thumbnail', '/_frames']) {
      const response = await post(path, { type: 'upload', upload_filename: 'picture' }, headers)
      expect([response.status, response.body.toString()]).toEqual([401, 'Unauthorized'])
    }
  })

  it.each([
    ['the header', { 'x-internal-secret': SECRET }],
    ['a bearer token', { authorization: `Bearer ${SECRET}` }],
    ['a bearer token with an older secret', { authorization: 'Bearer an-older-one' }],
  ])('accept the secret in %s', async (__, headers) => {
    const response = await post('/_frames', { type: 'upload', upload_filename: 'picture' }, headers)
    expect(response.status).toBe(200)
  })

  it.each([
    ['not JSON', '{', 'Invalid JSON'],
    ['nothing', '', 'Invalid JSON'],
    ['nested 5,000 deep', '['.repeat(5000) + ']'.repeat(5000), 'Invalid JSON'],
    [
      'nested in a field that is ignored',
      `{"x":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`,
      'Invalid JSON',
    ],
    ['a million values', `[${'1,'.repeat(1_000_000)}1]`, 'Invalid JSON'],
    ['a list', '[]', 'Invalid request body'],
    ['no type', '{}', 'Invalid request body'],
    ['another type', '{"type":"external","url":"https://example.com/"}', 'Invalid request body'],
    ['no name', '{"type":"upload"}', 'Invalid request body'],
    ['a number', '{"type":"upload","upload_filename":7}', 'Invalid request body'],
    ['a name that climbs', '{"type":"upload","upload_filename":"../cdn/x"}', 'Invalid request body'],
    ['a name with a NUL', '{"type":"upload","upload_filename":"a\\u0000b"}', 'Invalid request body'],
    ['an empty name', '{"type":"upload","upload_filename":""}', 'Invalid request body'],
  ])('reject an invalid body: %s', async (name, body, phrase) => {
    for (const path of ['/_thumbnail', '/_frames']) {
      const response = await post(path, body)
      expect(response.status).toBe(400)
      expect(response.body.toString(), name).toBe(phrase)
      expect(response.headers['cache-control']).toBe('no-store')
    }
  })

  it('reject a bucket that is not configured', async () => {
    const response = await post('/_frames', { type: 's3', bucket: 'etc', key: 'passwd' })
    expect([response.status, response.body.toString()]).toEqual([400, 'Invalid request body'])
  })

  it('are 404 for a missing object', async () => {
    expect((await thumbnail('none')).status).toBe(404)
    expect((await post('/_frames', { type: 'upload', upload_filename: 'none' })).status).toBe(404)
  })

  it.each(['picture', 'text', 'animation', 'broken.mp4'])(
    'have no thumbnail of a file that is not a video: %s',
    async (name) => {
      const response = await thumbnail(name)
      expect([response.status, response.body.toString()]).toEqual([404, 'Not Found'])
    },
  )

  it.each(['text', 'broken.mp4'])('have no frames of a file that cannot be decoded: %s', async (name) => {
    expect(await frames({ type: 'upload', upload_filename: name })).toEqual([])
  })

  it('return a still image as its only frame, byte for byte', async () => {
    const bytes = await halvesPng(40, 30)
    expect(await frames({ type: 'upload', upload_filename: 'picture' })).toEqual([
      { timestamp: 0, mime_type: 'image/png', base64: bytes.toString('base64') },
    ])
  })

  it('return the frames of an animation with their times', async () => {
    const found = await frames({ type: 'upload', upload_filename: 'animation' })
    expect(found.map(({ timestamp }: { timestamp: number }) => timestamp)).toEqual([0, 0.1, 0.35])
    expect(found[0].mime_type).toBe('image/jpeg')
    expect(await colourOf(found[0].base64)).toBe('red')
    expect(await colourOf(found[2].base64)).toBe('blue')
  })

  it('are small enough for their clients', async () => {
    for (const name of ['large animation', ...(FFMPEG === undefined ? [] : ['large video'])]) {
      const body = { type: 'upload', upload_filename: name }
      const answer = await post('/_frames', body)
      expect([name, answer.status]).toEqual([name, 200])
      expect(answer.body.length).toBeLessThan(512 * 1024)
      // Not smaller than necessary. Noise shrinks faster than photographs do.
      expect(answer.body.length).toBeGreaterThan(150 * 1024)
      const found = JSON.parse(answer.body.toString()).frames
      expect(new Set(found.map(({ timestamp }: { timestamp: number }) => timestamp)).size).toBe(3)
      for (const { base64 } of found) {
        const { width, height } = await sharp(Buffer.from(base64, 'base64')).metadata()
        expect(Math.abs((width ?? 0) / (height ?? 1) - 16 / 9)).toBeLessThan(0.02)
      }
    }
  })

  it.skipIf(FFMPEG === undefined)(
    'are different frames of a video that has few (skipped without FFmpeg)',
    async () => {
      const found = await frames({ type: 'upload', upload_filename: 'slow video' })
      expect(found.map(({ timestamp }: { timestamp: number }) => timestamp)).toEqual([0, 1, 2])
    },
  )

  it.skipIf(FFMPEG === undefined)(
    'return the first frame in full size as a thumbnail (skipped without FFmpeg)',
    async () => {
      const response = await thumbnail('video')
      expect([response.status, response.headers['content-type']]).toEqual([200, 'image/jpeg'])
      const { format, width, height } = await sharp(response.body).metadata()
      expect([format, width, height]).toEqual(['jpeg', 320, 192])
      expect(await colourOf(response.body.toString('base64'))).toBe('red')
    },
  )

  it.skipIf(FFMPEG === undefined)(
    'return three frames of a video, each with its time (skipped without FFmpeg)',
    async () => {
      for (const body of [
        { type: 'upload', upload_filename: 'video' },
        { type: 's3', bucket: 'cdn', key: 'attachments/1/video', extra: 'ignored' },
      ]) {
        const found = await frames(body)
        expect(found.map(({ timestamp }: { timestamp: number }) => timestamp)).toEqual([1, 1.48, 2])
        expect(await Promise.all(found.map(({ base64 }: { base64: string }) => colourOf(base64)))).toEqual([
          'lime',
          'lime',
          'blue',
        ])
      }
    },
  )
})

describe.skipIf(FFMPEG === undefined)(
  'frames of a container that only the decoder reads (skipped without FFmpeg)',
  () => {
    it('have their exact times', async () => {
      const service = await openFilesystemOrigin(SETTINGS)
      try {
        const video = await makeVideo('avi', SECONDS, ['-c:v', 'mpeg4', '-q:v', '2'])
        await service.put('video.avi', video, undefined, 'uploads')
        const { body } = await send(service.url, '/_frames', {
          method: 'POST',
          headers: { 'x-internal-secret': SECRET },
          body: JSON.stringify({ type: 'upload', upload_filename: 'video.avi' }),
        })
        const { frames } = JSON.parse(body.toString())
        // At 25 frames per second, these are the frames shown at 1, 1.5 and 2 seconds.
        expect(frames.map(({ timestamp }: { timestamp: number }) => timestamp)).toEqual([1, 1.48, 2])
        expect(await colourOf(frames[2].base64)).toBe('blue')
      } finally {
        await service.close()
      }
    })
  },
)

describe('an origin with neither libav nor FFmpeg', () => {
  it('logs a warning, answers stills with 503, and serves the rest', async () => {
    const service = await openFilesystemOrigin({
      ...SETTINGS,
      FFMPEG_PATH: '/no/such/ffmpeg',
      MEDIA_PROXY_ENGINE_LIBAV: 'false',
    })
    try {
      await service.put('attachments/1/picture.png', await halvesPng(40, 30))
      if (FFMPEG !== undefined) {
        await service.put(
          'attachments/1/video.mp4',
          await makeVideo('mp4', SECONDS, ['-c:v', 'libx264'], 0.2),
        )
        expect((await send(service.url, '/attachments/1/video.mp4?format=png')).status).toBe(503)
      }
      const ready = await send(service.url, '/_ready')
      expect([ready.status, ready.body.toString()]).toEqual([503, 'Not ready: video decoder'])
      expect((await send(service.url, '/attachments/1/picture.png?width=20')).status).toBe(200)
      expect(service.log.map(({ msg }) => msg)).toContain(
        'video stills are disabled: install FFmpeg 5 or newer, or set FFMPEG_PATH',
      )
    } finally {
      await service.close()
    }
  })
})

describe('a request body', () => {
  it('is rejected by its declared size and by its actual size', async () => {
    const service = await openFilesystemOrigin({
      ...SETTINGS,
      MEDIA_PROXY_LIMITS_INTERNAL_BODY_BYTES: '2048',
    })
    try {
      for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
        const body = JSON.stringify({ type: 'upload', upload_filename: 'x', padding: 'x'.repeat(4096) })
        const response = await send(service.url, '/_thumbnail', {
          method: 'POST',
          headers: { 'x-internal-secret': SECRET, ...headers },
          body,
        })
        expect([response.status, response.body.toString()]).toEqual([413, 'Payload Too Large'])
      }
    } finally {
      await service.close()
    }
  })
})

async function colourOf(base64: string): Promise<string> {
  const { dominant } = await sharp(Buffer.from(base64, 'base64')).stats()
  const { r, g, b } = dominant
  return r > g && r > b ? 'red' : g > b ? 'lime' : 'blue'
}
