import { afterEach, describe, expect, it } from 'vitest'
import { openFilesystemOrigin, type Settings } from '../doors.ts'
import { halvesPng } from '../fixtures.ts'
import { send } from '../http.ts'
import { files, openUpstreamServer } from '../upstream-server.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'
import { KEYS, path, v2 } from './external-paths.ts'

describe('a far server that misbehaves', () => {
  const closers: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

  async function opened(listener: Parameters<typeof openUpstreamServer>[0], settings: Settings = {}) {
    const far = await openUpstreamServer(listener)
    const door = await openFilesystemOrigin({
      ...KEYS,
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
      MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '500',
      ...settings,
    })
    closers.push(far.close, door.close)
    return {
      far,
      status: async (query = '') => (await send(door.url, await path(v2(far.url), query))).status,
    }
  }

  it('is 502 where it fails, and 404 where it has nothing', async () => {
    for (const [theirs, ours] of [
      [500, 502],
      [403, 502],
      [404, 404],
      [410, 404],
    ] as const) {
      const { status } = await opened((_, response) => response.writeHead(theirs).end())
      expect([await status(), await status('width=10')]).toEqual([ours, ours])
    }
  })

  it('is 504 where it says nothing, or a byte at a time', async () => {
    const silent = await opened(() => undefined)
    expect([await silent.status(), await silent.status('width=10')]).toEqual([504, 504])
    const slow = await opened((_, response) => {
      const timer = setInterval(() => response.write('x'), 100)
      response.on('close', () => clearInterval(timer))
    })
    expect([await slow.status(), await slow.status('width=10')]).toEqual([504, 504])
  })

  it('is 502 where it redirects for ever, or tells a wrong length', async () => {
    const endless = await opened((_, response) => response.writeHead(302, { location: '/' }).end())
    expect(await endless.status()).toBe(502)
    expect(endless.far.requests).toHaveLength(6)
    const picture = await halvesPng(40, 30)
    const wrong = await opened((_, response) => {
      response.writeHead(200, { 'content-length': picture.length + 10 })
      response.write(picture)
      setImmediate(() => response.destroy())
    })
    expect([await wrong.status(), await wrong.status('width=10')]).toEqual([502, 502])
  })

  it('is 413 where it sends too much', async () => {
    const limit = { MEDIA_PROXY_LIMITS_SOURCE_BYTES: '100000' }
    const served = await opened((_, response) => {
      response.writeHead(200, { 'content-length': 100_001 })
      response.write(Buffer.alloc(10))
    }, limit)
    expect([await served.status(), await served.status('width=10')]).toEqual([413, 413])
    const header = (await halvesPng(400, 300)).subarray(0, 100)
    const endless = await opened((_, response) => {
      response.write(header)
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384)));
        response.once('drain', write)
      }
      write()
    }, limit)
    expect(await endless.status('width=10')).toBe(413)
  })

  it.skipIf(FFMPEG === undefined)(
    'is answered even without ranges, by way of a file (needs FFmpeg)',
    async () => {
      const video = await makeVideo('mp4', SECONDS, ['-pix_fmt', 'yuv420p'])
      const { status, far } = await opened(files({ '/': video }, false), {
        MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '5000',
      })
      expect(await status('time=50%25&format=jpg')).toBe(200)
      expect(far.requests).toHaveLength(1)
    },
  )
})
