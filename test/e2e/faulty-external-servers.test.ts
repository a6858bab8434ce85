import { type RequestListener, request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { halvesPng, noisePng } from '../fixtures.ts'
import { send } from '../http.ts'
import { pipelined } from '../raw-exchange.ts'
import { openEdge, openFilesystemOrigin, type Service, type Settings } from '../services.ts'
import { until } from '../until.ts'
import { files, openUpstreamServer } from '../upstream-server.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'
import { KEYS, path, SECRET, v2 } from './external-paths.ts'

const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')

describe('a faulty external server', () => {
  const closers: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

  async function opened(
    listener: Parameters<typeof openUpstreamServer>[0],
    settings: Settings = {},
    open: (settings: Settings) => Promise<Service> = openFilesystemOrigin,
  ) {
    const far = await openUpstreamServer(listener)
    const service = await open({
      ...KEYS,
      MEDIA_PROXY_EXTERNAL_ALLOWED_HOSTS: far.host,
      MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '500',
      ...settings,
    })
    closers.push(far.close, service.close)
    return {
      far,
      service,
      status: async (query = '') => (await send(service.url, await path(v2(far.url), query))).status,
    }
  }

  it('causes 502 when it fails, and 404 when it has no such file', async () => {
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

  it('causes 504 when it sends nothing, or one byte at a time', async () => {
    const silent = await opened(() => undefined)
    expect([await silent.status(), await silent.status('width=10')]).toEqual([504, 504])
    const slow = await opened((_, response) => {
      const timer = setInterval(() => response.write('x'), 100)
      response.on('close', () => clearInterval(timer))
    })
    expect([await slow.status(), await slow.status('width=10')]).toEqual([504, 504])
  })

  it('delays no stored object, however many external requests wait', async () => {
    const { far, service } = await opened((_, response) => response.writeHead(200).write(PNG_SIGNATURE), {
      MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '60000',
    })
    await service.put('avatars/1/a', await halvesPng(40, 30))
    const leaving = new AbortController()
    const paths = await Promise.all(
      Array.from({ length: 40 }, (_, index) => path(v2(`${far.url}/${index}`), 'width=10')),
    )
    const waiting = paths.map((slow) => fetch(service.url + slow, { signal: leaving.signal }))
    // The maximum number of concurrent reads.
    await until(() => far.requests.length === 32)
    expect((await send(service.url, '/avatars/1/a.webp?size=16')).status).toBe(200)
    leaving.abort()
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).not.toContain('fulfilled')
  })

  it('blocks no process that stored videos need, although it answers no range (needs FFmpeg)', async ({
    skip,
  }) => {
    if (FFMPEG === undefined) return skip()
    const video = await makeVideo('mp4', 'testsrc=s=640x480:r=25', ['-c:v', 'mpeg4', '-q:v', '1'], 5)
    const whole = files({ '/0.mp4': video, '/1.mp4': video, '/2.mp4': video })
    const { far, service } = await opened(
      (request, response) => request.headers.range === undefined && whole(request, response),
      { MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '60000', MEDIA_PROXY_ENGINE_VIDEOS: '2' },
    )
    await service.put('attachments/1/a.mp4', video)
    const leaving = new AbortController()
    const paths = await Promise.all(
      [0, 1, 2].map((index) => path(v2(`${far.url}/${index}.mp4`), 'format=webp&width=10')),
    )
    const waiting = paths.map((slow) => fetch(service.url + slow, { signal: leaving.signal }))
    await until(() => far.requests.some(({ headers }) => headers.range !== undefined))
    expect((await send(service.url, '/attachments/1/a.mp4?format=webp&width=16')).status).toBe(200)
    leaving.abort()
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).not.toContain('fulfilled')
  })

  it('leaves memory for stored objects, however much it sends', async () => {
    const sent = Buffer.concat([await halvesPng(40, 30), Buffer.alloc(15_000_000)])
    const { far, service } = await opened((_, response) => response.writeHead(200).write(sent), {
      MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '60000',
      MEDIA_PROXY_LIMITS_SOURCE_MEMORY_BYTES: String(32 * 1024 * 1024),
    })
    await service.put('attachments/1/a.png', await noisePng(1200, 1000))
    const leaving = new AbortController()
    const paths = await Promise.all([0, 1].map((index) => path(v2(`${far.url}/${index}`), 'width=10')))
    const statuses = paths.map((slow) =>
      fetch(service.url + slow, { signal: leaving.signal }).then(
        ({ status }) => status,
        () => 'left',
      ),
    )
    // There is memory for one of them.
    expect(await Promise.race(statuses)).toBe(503)
    expect((await send(service.url, '/attachments/1/a.png?width=16')).status).toBe(200)
    leaving.abort()
    expect((await Promise.all(statuses)).toSorted()).toEqual([503, 'left'])
  })

  it('causes 502 when it redirects forever, or declares a wrong length', async () => {
    const endless = await opened((_, response) => response.writeHead(302, { location: '/' }).end())
    expect(await endless.status()).toBe(502)
    expect(endless.far.requests).toHaveLength(6)
    const image = await halvesPng(40, 30)
    const wrong = await opened((_, response) => {
      response.writeHead(200, { 'content-length': image.length + 10 })
      response.write(image)
      setImmediate(() => response.destroy())
    })
    expect([await wrong.status(), await wrong.status('width=10')]).toEqual([502, 502])
  })

  /**
   * Starts an external server that answers a range at the first
   * bytes correctly, and any other range with the given values.
   */
  async function answeringParts(contentRange: string, body: string, length: number | undefined) {
    const image = await halvesPng(400, 300)
    const { service, far } = await opened((request, response) => {
      if (request.headers.range?.startsWith('bytes=0-')) return files({ '/': image })(request, response)
      const declared = length === undefined ? {} : { 'content-length': length }
      response.writeHead(206, { 'content-range': contentRange, ...declared })
      response.write(body)
      response.end()
    })
    return { service, target: await path(v2(far.url)) }
  }

  it.each([
    ['more bytes than its range', 'bytes 50-59/100000', undefined],
    ['a length other than that of its range', 'bytes 50-59/100000', 78],
    ['a reversed range', 'bytes 50-49/100000', undefined],
    ['a range beyond the end', 'bytes 50-59/20', undefined],
    ['another range', 'bytes 10-19/100000', undefined],
    ['a longer range', 'bytes 50-127/100000', 78],
  ])('cannot inject a response into the connection with %s', async (_, contentRange, length) => {
    const forged = `0123456789HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n<forged/>${' '.repeat(10)}`
    const { service, target } = await answeringParts(contentRange, forged.padEnd(78), length)
    const both = await pipelined(service.url, target, '/_health', { range: 'bytes=50-59' })
    expect(both).not.toContain('forged')
    expect(both.match(/HTTP\/1\.1 \d+/g)).toEqual([expect.stringMatching(/206|502/), 'HTTP/1.1 200'])
  })

  it('cannot take bytes from the next response when its range is too short', async () => {
    const { service, target } = await answeringParts('bytes 50-59/100000', '0123', undefined)
    const both = await pipelined(service.url, target, '/_health', { range: 'bytes=50-59' })
    expect(both.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 206'])
    expect(both).toMatch(/\r\n\r\n0123$/)
  })

  it('does not prevent a 304, whatever range is requested', async () => {
    const image = await halvesPng(400, 300)
    const { service, far } = await opened(files({ '/': image }))
    const target = await path(v2(far.url))
    const etag = (await send(service.url, target)).headers.etag ?? ''
    for (const range of ['bytes=0-9', 'bytes=99999999-'])
      expect((await send(service.url, target, { headers: { range, 'if-none-match': etag } })).status).toBe(
        304,
      )
  })

  it('gives no validators for a range of a file that was replaced meanwhile', async () => {
    const image = await halvesPng(400, 300)
    let asked = 0
    const { service, far } = await opened((request, response) => {
      const setHeader = response.writeHead.bind(response)
      asked += 1
      const etag = `"${asked}"`
      response.writeHead = ((status: number, headers: object) =>
        setHeader(status, { ...headers, etag })) as never
      files({ '/': image })(request, response)
    })
    const target = await path(v2(far.url))
    const part = await send(service.url, target, { headers: { range: 'bytes=5-9' } })
    expect([part.status, part.headers.etag, part.headers['last-modified']]).toEqual([
      206,
      undefined,
      undefined,
    ])
    const whole = await send(service.url, target)
    const resumed = { range: 'bytes=5-9', 'if-range': whole.headers.etag ?? '' }
    expect((await send(service.url, target, { headers: resumed })).status).toBe(200)
  })

  it.each([
    ['origin', openFilesystemOrigin],
    ['edge', openEdge],
  ] as const)('cannot make the service request itself in a loop, at the %s', async (_, open) => {
    let target = ''
    let own: string | undefined
    const listener: RequestListener = (incoming, response) => {
      if (incoming.url !== '/own') {
        response.writeHead(302, { location: '/own' }).end()
        return
      }
      // A proxy in front of the service forwards the requests.
      const passed = request(service.url + target, { headers: incoming.headers }, (answer) => {
        own ??= `${answer.statusCode}`
        response.writeHead(answer.statusCode ?? 500)
        answer.pipe(response)
      })
      passed.end()
    }
    const { service, far } = await opened(listener, { MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '5000' }, open)
    target = await path(v2(far.url))
    expect((await send(service.url, target)).status).toBe(502)
    expect([own, far.requests.length]).toEqual(['400', 2])
    expect(far.requests[0]?.headers['cdn-loop']).toMatch(/^media-proxy-[0-9a-f]{64}$/)
  })

  it('causes 413 when it sends too much', async () => {
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

  it('may offer ranges although it rejects, ignores, cuts off or changes them', async () => {
    const oddities: readonly ((first: number, last: number) => PartResponse)[] = [
      () => ({ status: 403 }),
      () => ({ status: 416 }),
      () => ({ status: 200 }),
      (first, last) => ({ status: 206, first, last, declaration: undefined }),
      (first) => ({ status: 206, first, last: first + 99 }),
      (first, last) => ({ status: 206, first, last, etag: `"${first}"` }),
    ]
    const sound = wavOf(8000, 10)
    const listener: RequestListener = (request, response) => {
      const whole = { status: 200, first: 0, last: sound.length - 1, etag: '"a"' }
      const asked = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
      const respond = oddities[Number(request.url?.slice(1))]
      const odd = asked === null ? undefined : respond?.(Number(asked[1]), Number(asked[2]))
      const { status, first, last, etag } = { ...whole, ...odd }
      const body = sound.subarray(first, status < 300 ? last + 1 : first)
      const declared = status === 206 && odd !== undefined && !('declaration' in odd)
      response.writeHead(status, {
        etag,
        'accept-ranges': 'bytes',
        'content-length': body.length,
        ...(declared ? { 'content-range': `bytes ${first}-${last}/${sound.length}` } : {}),
      })
      response.end(body)
    }
    const { service, far } = await opened(listener, { MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '5000' })
    for (const index of oddities.keys()) {
      const answer = await send(service.url, '/_metadata', {
        method: 'POST',
        headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'external', url: `${far.url}/${index}` }),
      })
      expect([answer.status, JSON.parse(answer.body.toString()).duration]).toEqual([200, 10])
    }
    const asked = far.requests.filter(({ headers }) => headers.range !== undefined)
    expect(new Set(asked.map(({ url }) => url)).size).toBe(oddities.length)
    for (const index of oddities.keys()) {
      const whole = far.requests.filter(
        ({ url, headers }) => url === `/${index}` && headers.range === undefined,
      )
      expect(whole.length).toBeLessThanOrEqual(3)
    }
  })

  it('causes 502 when the metadata and the hash would be of different versions', async () => {
    const serveFirst = files({ '/a.wav': wavOf(8000, 10) })
    const serveSecond = files({ '/a.wav': wavOf(8000, 20) })
    const { service, far } = await opened(
      (request, response) => {
        const isOpenedAgain = request.headers.range === undefined && far.requests.length > 1
        if (isOpenedAgain) serveSecond(request, response)
        else serveFirst(request, response)
      },
      { MEDIA_PROXY_EXTERNAL_TIMEOUT_MS: '5000' },
    )
    const answer = await send(service.url, '/_metadata', {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'external', url: `${far.url}/a.wav` }),
    })
    expect(answer.status).toBe(502)
  })

  it.skipIf(FFMPEG === undefined)(
    'may lack range support, because the file is spooled (needs FFmpeg)',
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

/** How a server responds to a range. By default it is the whole file. */
interface PartResponse {
  readonly status: number
  readonly first?: number
  readonly last?: number
  readonly etag?: string
  /** Present when there is no `Content-Range`. */
  readonly declaration?: undefined
}

/** Returns a silent WAV of 16-bit samples, whose format comes after 100 kB of padding. */
function wavOf(rateHz: number, seconds: number): Buffer {
  const chunk = (name: string, body: Buffer) => {
    const header = Buffer.alloc(8)
    header.write(name, 'latin1')
    header.writeUInt32LE(body.length, 4)
    return Buffer.concat([header, body])
  }
  const format = Buffer.alloc(16)
  format.writeUInt16LE(1, 0)
  format.writeUInt16LE(1, 2)
  format.writeUInt32LE(rateHz, 4)
  format.writeUInt32LE(rateHz * 2, 8)
  format.writeUInt16LE(2, 12)
  format.writeUInt16LE(16, 14)
  const samples = Buffer.alloc(rateHz * seconds * 2)
  const chunks = [chunk('JUNK', Buffer.alloc(100_000)), chunk('fmt ', format), chunk('data', samples)]
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks]))
}
