import sharp from 'sharp'
import { afterEach, describe, expect, it } from 'vitest'
import { type Door, openFilesystemOrigin, type Settings } from '../doors.ts'
import { halvesPng, noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

let door: Door | undefined
afterEach(async () => {
  await door?.close()
  door = undefined
})

async function opened(mode: string, settings: Settings = {}): Promise<string> {
  door = await openFilesystemOrigin({
    MEDIA_PROXY_NSFW_ENABLED: 'true',
    MEDIA_PROXY_NSFW_ON_SERVE: mode,
    // No probability is 0, so everything that is looked at is flagged.
    MEDIA_PROXY_NSFW_THRESHOLD: '0',
    ...settings,
  })
  await door.put('attachments/1/a.png', await noisePng(200, 150))
  await door.put('attachments/1/a.txt', Buffer.from('text'))
  await door.put('avatars/1/a', await halvesPng(200, 150))
  if (FFMPEG !== undefined) {
    await door.put('attachments/1/v.mp4', await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p']))
  }
  return door.url
}

const PICTURE = ['/attachments/1/a.png', '/attachments/1/a.png?width=100&format=png']
const deviation = async (bytes: Buffer) =>
  Math.max(...(await sharp(bytes).stats()).channels.map(({ stdev }) => stdev))

describe('flagged media', () => {
  it('are served as they are where nothing is asked for', async () => {
    const url = await opened('off')
    for (const path of PICTURE) {
      const { status, headers } = await send(url, path)
      expect([status, headers['x-media-nsfw']]).toEqual([200, undefined])
    }
  })

  it('carry their probability', async () => {
    const url = await opened('header')
    // Five in ten thousand, where the noise would be written as 0.0000.
    await door?.put('attachments/1/a.png', await halvesPng(200, 150))
    for (const path of PICTURE) {
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

  it('are blurred', async () => {
    const url = await opened('blur')
    for (const path of PICTURE) {
      const { status, body } = await send(url, path)
      expect(status).toBe(200)
      expect(await deviation(body)).toBeLessThan(8)
    }
    const part = await send(url, PICTURE[0] ?? '', { headers: { range: 'bytes=0-9' } })
    expect(part.status).toBe(206)
    expect(part.headers['content-type']).toBe('image/webp')
  })

  it.skipIf(FFMPEG === undefined)('are blurred stills where they are videos (needs FFmpeg)', async () => {
    const url = await opened('blur')
    const { headers } = await send(url, '/attachments/1/v.mp4')
    expect(headers['content-type']).toBe('image/webp')
  })

  it('are not served', async () => {
    const url = await opened('block')
    for (const path of PICTURE) {
      const { status, body } = await send(url, path)
      expect([status, body.toString()]).toEqual([403, 'Forbidden'])
    }
    expect((await send(url, '/attachments/1/a.txt')).status).toBe(200)
  })

  it('are another answer than before, by their ETag', async () => {
    const tags = []
    for (const mode of ['header', 'blur']) {
      const url = await opened(mode)
      tags.push((await send(url, PICTURE[1] ?? '')).headers.etag)
      await door?.close()
    }
    door = undefined
    expect(new Set(tags).size).toBe(2)
  })
})

describe('what is not flagged', () => {
  it.each(['header', 'blur', 'block'])('is served whatever the mode: %s', async (mode) => {
    const url = await opened(mode, { MEDIA_PROXY_NSFW_THRESHOLD: '1' })
    for (const path of PICTURE) {
      const { status, body } = await send(url, path)
      expect(status).toBe(200)
      expect(await deviation(body)).toBeGreaterThan(15)
    }
  })
})
