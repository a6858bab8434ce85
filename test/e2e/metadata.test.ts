import { createHash } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { thumbHashToAverageRGBA } from 'thumbhash'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { animatedGif, declaredPng, halvesPng, movingPng, orientedJpeg, SVG } from '../fixtures.ts'
import { send } from '../http.ts'
import { openEdge, openFilesystemOrigin, type Service } from '../services.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

const SECRET = 'internal-secret'
const SETTINGS = {
  MEDIA_PROXY_SECRET_KEY: `${SECRET},older-secret`,
  MEDIA_PROXY_EDGE_SECRET_KEY: 'edge',
  MEDIA_PROXY_NSFW_ENABLED: 'true',
  MEDIA_PROXY_PUBLIC_URL: 'https://media.example.com,https://192.0.2.7:8443/media,http://127.0.0.1:9',
}

describe.each([
  ['the origin', openFilesystemOrigin],
  ['the edge', openEdge],
] as const)('/_metadata at %s', (_, open) => {
  let service: Service

  beforeAll(async () => {
    service = await open(SETTINGS)
    await service.put('still', await halvesPng(400, 300), undefined, 'uploads')
    await service.put('photo', await orientedJpeg(400, 300), undefined, 'uploads')
    await service.put('anim', await animatedGif(80, 60), undefined, 'uploads')
    await service.put('drawing', SVG, undefined, 'uploads')
    await service.put('huge', declaredPng(20_000, 20_000), undefined, 'uploads')
    await service.put('text', Buffer.from('this is no media'), undefined, 'uploads')
    await service.put('attachments/1/a.png', await halvesPng(40, 30))
    if (FFMPEG !== undefined) {
      await service.put(
        'video',
        await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p']),
        undefined,
        'uploads',
      )
      await service.put('sound', await makeVideo('mp3', 'sine=d=2.5', [], 2.5), undefined, 'uploads')
    }
  })
  afterAll(() => service.close())

  async function ask(body: unknown, headers: Record<string, string> = { 'x-internal-secret': SECRET }) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const response = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: text,
    })
    const json = response.headers['content-type'] === 'application/json'
    return { ...response, value: json ? JSON.parse(response.body.toString()) : response.body.toString() }
  }

  const upload = (name: string, more: object = {}) => ask({ type: 'upload', upload_filename: name, ...more })

  it('returns extras only when requested', async () => {
    const extras = ['codecs', 'blurhash', 'palette', 'phash']
    const { value } = await upload('still', { extras })
    expect(value).toMatchObject({
      blurhash: expect.stringMatching(/^.{28}$/),
      palette: ['#1e1edc', '#dc1e1e'],
      phash: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
    expect(Object.keys(value)).not.toContain('codecs')
    const one = await upload('still', { extras: ['phash'] })
    expect([one.value.phash, one.value.palette]).toEqual([value.phash, undefined])
    const none = await upload('still')
    for (const name of extras) expect(none.value[name], name).toBeUndefined()
  })

  it.skipIf(FFMPEG === undefined)('returns the codecs of video and audio', async () => {
    const video = await upload('video', { extras: ['codecs', 'phash'] })
    expect(video.value).toMatchObject({ codecs: { video: 'h264' }, phash: expect.any(String) })
    expect(video.value.codecs.audio).toBeUndefined()
    const audio = await upload('sound', { extras: ['codecs', 'phash', 'palette', 'blurhash'] })
    expect(audio.value.codecs).toEqual({ audio: 'mp3' })
    for (const name of ['phash', 'palette', 'blurhash']) expect(audio.value[name], name).toBeUndefined()
  })

  it.each([[['colour']], ['phash'], [[1]]])('rejects %j as extras', async (extras) => {
    expect((await upload('still', { extras })).status).toBe(400)
  })

  it('returns all metadata of an image', async () => {
    const bytes = await halvesPng(400, 300)
    const { status, value, headers } = await upload('still')
    expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
    expect(value).toEqual({
      format: 'png',
      content_type: 'image/png',
      content_hash: createHash('sha256').update(bytes).digest('hex'),
      size: bytes.length,
      width: 400,
      height: 300,
      animated: false,
      placeholder: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/),
      nsfw: false,
      nsfw_probability: expect.any(Number),
      nsfw_predictions: {
        drawing: expect.any(Number),
        hentai: expect.any(Number),
        neutral: expect.any(Number),
        porn: expect.any(Number),
        sexy: expect.any(Number),
      },
    })
    const total = Object.values<number>(value.nsfw_predictions).reduce((sum, share) => sum + share, 0)
    expect(total).toBeCloseTo(1, 3)
    // Half red and half blue.
    const average = thumbHashToAverageRGBA(Buffer.from(value.placeholder, 'base64'))
    expect(average.r).toBeGreaterThan(average.g)
    expect(average.b).toBeGreaterThan(average.g)
  })

  it.each([
    'http://media.example.com/attachments/1/a.png?ex=1&width=5',
    'https://192.0.2.7:8443/media/attachments/1/a.png',
    'http://127.0.0.1:9/attachments/1/a.png',
  ])('reads its own URL %s from the store', async (url) => {
    const { status, value } = await ask({ type: 'external', url, isNSFWAllowed: true })
    expect(status).toBe(200)
    expect(value).toMatchObject({ format: 'png', width: 40, height: 30 })
  })

  it.each(['https://media.example.com/_metrics', 'http://127.0.0.1:10/attachments/1/a.png'])(
    'rejects %s',
    async (url) => {
      expect((await ask({ type: 'external', url })).status).toBe(400)
    },
  )

  it('returns the size after orientation', async () => {
    expect((await upload('photo')).value).toMatchObject({ format: 'jpeg', width: 300, height: 400 })
  })

  it('returns the duration of an animation', async () => {
    // 100 + 250 + 400 ms, rounded up.
    expect((await upload('anim')).value).toMatchObject({ format: 'gif', animated: true, duration: 1 })
  })

  it('detects an SVG by its content', async () => {
    expect((await upload('drawing')).value).toMatchObject({
      format: 'svg',
      content_type: 'image/svg+xml',
      width: 200,
      height: 100,
    })
  })

  it('describes an animation by the frames before a broken one', async () => {
    await service.put('broken-anim', breakLastFrame(await animatedGif(80, 60)), undefined, 'uploads')
    expect((await upload('broken-anim')).value).toMatchObject({ format: 'gif', animated: true, duration: 1 })
    expect(service.log.map(({ msg }) => msg)).not.toContain('a job ended its process')
  })

  it.skipIf(FFMPEG === undefined)('returns all metadata of video and audio (needs FFmpeg)', async () => {
    const video = (await upload('video')).value
    expect(video).toMatchObject({
      format: 'mp4',
      content_type: 'video/mp4',
      width: 320,
      height: 192,
      duration: 3,
    })
    expect(video.placeholder).toBeTypeOf('string')
    expect(video).not.toHaveProperty('animated')
    const audio = (await upload('sound')).value
    expect(audio).toMatchObject({ format: 'mp3', content_type: 'audio/mpeg', duration: 3, nsfw: false })
    for (const field of ['width', 'height', 'placeholder', 'animated', 'base64']) {
      expect(audio).not.toHaveProperty(field)
    }
  })

  it.each([{ isNSFWAllowed: true }, { version: 2, nsfw: 'allow' }])(
    'does not scan with %j',
    async (dialect) => {
      expect((await upload('still', dialect)).value).toMatchObject({
        nsfw: false,
        nsfw_probability: 0,
        nsfw_predictions: {},
      })
    },
  )

  it.each([{ isNSFWAllowed: false }, { version: 2, nsfw: 'flag' }, { version: 2, nsfw: 'block' }, {}])(
    'scans with %j',
    async (dialect) => {
      expect(Object.keys((await upload('still', dialect)).value.nsfw_predictions)).toHaveLength(5)
    },
  )

  it('returns the bytes when requested', async () => {
    const { value, headers, body } = await upload('still', { with_base64: true })
    expect(headers['content-length']).toBe(String(body.length))
    expect(Object.keys(value).at(-1)).toBe('base64')
    expect(Buffer.from(value.base64, 'base64').equals(await halvesPng(400, 300))).toBe(true)
  })

  it('accepts base64, plain and as a data URL, and a bucket by name', async () => {
    const large = Buffer.alloc(20_000_001, 'abcdefghijk')
    large.write(
      'RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data',
      'latin1',
    )
    large.writeUInt32LE(large.length - 8, 4)
    large.writeUInt32LE(large.length - 44, 40)
    await service.put('large.wav', large, undefined, 'uploads')
    const audio = await upload('large.wav', { with_base64: true, isNSFWAllowed: true })
    expect(audio.status).toBe(200)
    expect(Buffer.from(audio.value.base64, 'base64').equals(large)).toBe(true)
    const base64 = (await halvesPng(64, 48)).toString('base64')
    for (const serialized of [base64, `data:image/png;base64,${base64}`, base64.replace(/=+$/, '')]) {
      expect((await ask({ type: 'base64', base64: serialized })).value).toMatchObject({
        width: 64,
        height: 48,
      })
    }
    expect((await ask({ type: 's3', bucket: 'cdn', key: 'attachments/1/a.png' })).value).toMatchObject({
      width: 40,
    })
  })

  it('accepts both headers of the secret, and every secret', async () => {
    for (const headers of [
      { authorization: `Bearer ${SECRET}` },
      { 'x-internal-secret': 'older-secret' },
      { authorization: 'bearer older-secret' },
    ]) {
      expect((await ask({ type: 'upload', upload_filename: 'still' }, headers as never)).status).toBe(200)
    }
    for (const headers of [{}, { 'x-internal-secret': 'wrong' }, { authorization: `Basic ${SECRET}` }]) {
      const { status, value } = await ask({ type: 'upload', upload_filename: 'still' }, headers as never)
      expect([status, value]).toEqual([401, 'Unauthorized'])
    }
  })

  it.each([
    ['bad JSON', '{', 400],
    ['an empty body', '', 400],
    ['a list', '[]', 400],
    ['deep nesting', `${'['.repeat(5000)}${']'.repeat(5000)}`, 400],
    ['another type', { type: 'ftp', url: 'x' }, 400],
    ['a missing field', { type: 'upload' }, 400],
    ['a key with ..', { type: 'upload', upload_filename: '../cdn/attachments/1/a.png' }, 400],
    ['another bucket', { type: 's3', bucket: 'etc', key: 'passwd' }, 400],
    ['bad base64', { type: 'base64', base64: '!!!!' }, 400],
    ['another scheme', { type: 'external', url: 'file:///etc/passwd' }, 400],
    ['an internal address', { type: 'external', url: 'http://169.254.169.254/latest/' }, 400],
    ['a missing object', { type: 'upload', upload_filename: 'none' }, 404],
    ['a text file', { type: 'upload', upload_filename: 'text' }, 400],
    ['too large an image', { type: 'upload', upload_filename: 'huge' }, 400],
    ['unknown keys', { type: 'upload', upload_filename: 'still', colour: 'blue' }, 200],
  ])('answers %s', async (__, body, status) => {
    expect((await ask(body)).status).toBe(status)
  })

  it('rejects a body beyond the limit before it is sent', async () => {
    const { status } = await ask({ type: 'upload', upload_filename: 'still' }, {
      'x-internal-secret': SECRET,
      'content-length': String(100 * 1024 * 1024),
    } as never).catch(() => ({ status: 413 }))
    expect(status).toBe(413)
  })

  it('reads an upload once for concurrent requests', async () => {
    const before = service.storeOperations.length
    service.slowReads(1000)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => upload('photo', { filename: 'together' })),
    ).finally(() => service.slowReads(0))
    for (const { value } of answers) expect(value).toEqual(answers[0]?.value)
    expect(service.storeOperations.slice(before).filter(({ operation }) => operation === 'get')).toHaveLength(
      1,
    )
  })

  it('agrees with the image that it describes', async () => {
    const { value } = await upload('anim')
    const { pages } = await sharp(await animatedGif(80, 60)).metadata()
    expect(value.animated).toBe((pages ?? 1) > 1)
  })
})

/** Sets an invalid code size in the last frame of a GIF. */
function breakLastFrame(gif: Buffer): Buffer {
  const copy = Buffer.from(gif)
  const descriptor = gif.lastIndexOf(Buffer.from([0x21, 0xf9, 0x04])) + 8
  const flags = gif[descriptor + 9] ?? 0
  const paletteBytes = flags >= 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
  copy[descriptor + 10 + paletteBytes] = 0x55
  return copy
}

describe('an animation with more frames than may be decoded together', () => {
  // A frame decodes to 19,200 bytes.
  const LIMITS = { ...SETTINGS, MEDIA_PROXY_LIMITS_DECODED_BYTES: '20000' }

  it.each([
    ['gif', () => animatedGif(80, 60)],
    ['png', () => movingPng(80, 60)],
  ] as const)('has metadata with and without a scan, and gives some frames: %s', async (name, made) => {
    const service = await openFilesystemOrigin(LIMITS)
    await service.put(name, await made(), undefined, 'uploads')
    const ask = async (path: string, more: object = {}) => {
      const body = JSON.stringify({ type: 'upload', upload_filename: name, ...more })
      const answer = await send(service.url, path, {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET },
        body,
      })
      return { status: answer.status, value: JSON.parse(answer.body.toString()) }
    }
    for (const isNSFWAllowed of [true, false]) {
      const { status, value } = await ask('/_metadata', { isNSFWAllowed })
      expect([status, value.animated]).toEqual([200, true])
    }
    expect((await ask('/_frames')).value.frames.length).toBeGreaterThan(0)
    await service.close()
  })
})

describe('/_metadata of a file that is larger than the limit', () => {
  it('is 413 without reading the file', async () => {
    await using service = await openDisposableOrigin()
    const sizeBytes = 8 * 2 ** 30
    const path = join(service.directory, 'uploads/large.wav')
    await service.put('large.wav', wavHeader(), undefined, 'uploads')
    await truncate(path, sizeBytes)
    const { status } = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-internal-secret': SECRET },
      body: JSON.stringify({ type: 'upload', upload_filename: 'large.wav' }),
    })
    expect(status).toBe(413)
    const readBytes = service.storeOperations.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(readBytes).toBeLessThan(sizeBytes)
  })
})

async function openDisposableOrigin() {
  const service = await openFilesystemOrigin(SETTINGS)
  return { ...service, [Symbol.asyncDispose]: () => service.close() }
}

/** The header of a WAV of 16 bits, which declares no size of its data. */
function wavHeader(): Buffer {
  const header = Buffer.alloc(44)
  header.write('RIFF\xff\xff\xff\xffWAVEfmt ', 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(2, 22)
  header.writeUInt32LE(48_000, 24)
  header.writeUInt32LE(192_000, 28)
  header.writeUInt16LE(4, 32)
  header.writeUInt16LE(16, 34)
  header.write('data\xff\xff\xff\xff', 36, 'latin1')
  return header
}
