import { gzipSync } from 'node:zlib'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { BodyError } from '@media-proxy/shared/store/body-error.ts'
import { describe, expect, it } from 'vitest'
import { closers, fetcher, listen, MAX_BYTES, text } from './external-hosts.test-data.ts'
import { createExternalFetch } from './fetch.ts'
import { FORBIDDEN_URLS, OWN_ADDRESSES } from './forbidden-urls.test-data.ts'

describe('an external fetch', () => {
  it('returns the body with its metadata', async () => {
    const far = await listen((_, response) => {
      response.writeHead(200, {
        'content-length': 5,
        etag: '"abc"',
        'last-modified': 'Sun, 01 Mar 2026 12:00:00 GMT',
      })
      response.end('hello')
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(`${far.url}/a?b=c`)
    expect(opened).toMatchObject({
      sizeBytes: 5,
      etag: '"abc"',
      lastModified: new Date('2026-03-01T12:00:00Z'),
    })
    expect(await text(opened)).toBe('hello')
  })

  it('combines several Cache-Control headers', async () => {
    const far = await listen((_, response) => {
      response.setHeader('cache-control', ['public', 'no-store'])
      response.end('x')
    })
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({ lifetimeSeconds: 300 })
  })

  it.each([
    ['Sun, 01 Mar 2026 12:00:00 GMT', new Date('2026-03-01T12:00:00Z')],
    ['Sun, 01 Mar 2026 13:00:00 +0100', new Date('2026-03-01T12:00:00Z')],
    ['2026-03-01T12:00:00Z', new Date('2026-03-01T12:00:00Z')],
    ['0', undefined],
    ['-1', undefined],
    ['1', undefined],
    ['never', undefined],
  ])('reads the date %j of a file as %s', async (date, lastModified) => {
    const far = await listen((_, response) => response.writeHead(200, { 'last-modified': date }).end('x'))
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({ lastModified })
  })

  it('sends only the necessary headers, and nothing about the client', async () => {
    let headers: NodeJS.Dict<string | string[]> = {}
    const far = await listen((request, response) => {
      headers = request.headers
      response.end('x')
    })
    await text(await fetcher({ allowedHosts: ['localhost'] })(far.url))
    expect(headers).toEqual({
      host: far.host,
      connection: 'keep-alive',
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'Testbot/1.0',
    })
  })

  it('forwards a range, and reports which range it got', async () => {
    const far = await listen((request, response) => {
      if (request.headers.range !== 'bytes=2-3') response.end('0123456789')
      else response.writeHead(206, { 'content-range': 'bytes 2-3/10', 'content-length': 2 }).end('23')
    })
    const open = fetcher({ allowedHosts: [far.host] })
    const part = await open(far.url, { start: 2, end: 3 })
    expect(part).toMatchObject({ sizeBytes: 10, range: { start: 2, end: 3 } })
    expect(await text(part)).toBe('23')
    const whole = await open(far.url, { start: 5 })
    expect(whole).not.toHaveProperty('range')
    expect(await text(whole)).toBe('0123456789')
  })

  it.each([
    [201, {}],
    [202, {}],
    [203, {}],
    [226, {}],
    [206, { 'content-range': 'bytes 0-9/10' }],
  ])('accepts a complete body with another status (%i)', async (status, headers) => {
    const far = await listen((_, response) => {
      response.writeHead(status, { ...headers, 'content-length': 10 }).end('0123456789')
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(far.url)
    expect(opened).toMatchObject({ sizeBytes: 10 })
    expect(opened).not.toHaveProperty('range')
    expect(await text(opened)).toBe('0123456789')
  })

  it.each([
    [206, 'Bytes 2-3/10'],
    [206, 'bytes  2 - 3 / 10'],
    [200, 'bytes 2-3/10'],
  ])('accepts a range declared as %i with %j', async (status, range) => {
    const far = await listen((_, response) => {
      response.writeHead(status, { 'content-range': range, 'content-length': 2 }).end('23')
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(far.url, { start: 2, end: 3 })
    expect(opened).toMatchObject({ sizeBytes: 10, range: { start: 2, end: 3 } })
    expect(await text(opened)).toBe('23')
  })

  it.each([['bytes 0-9/11'], ['bytes 1-10/11'], ['bytes 0-9/*'], ['bytes 0-8/9']])(
    'does not accept a range as the whole (%s)',
    async (range) => {
      const far = await listen((_, response) => {
        response.writeHead(206, { 'content-range': range, 'content-length': 10 }).end('0123456789')
      })
      const opened = await fetcher({ allowedHosts: [far.host] })(far.url)
      expect(opened).toMatchObject({ code: 'external-unreachable' })
    },
  )

  it.each([
    [404, 'not-found'],
    [410, 'not-found'],
    [400, 'external-unreachable'],
    [401, 'external-unreachable'],
    [403, 'external-unreachable'],
    [429, 'external-unreachable'],
    [500, 'external-unreachable'],
    [503, 'external-unreachable'],
    [204, 'external-unreachable'],
    [205, 'external-unreachable'],
    [300, 'external-unreachable'],
    [304, 'external-unreachable'],
    [206, 'external-unreachable'],
  ])('maps %i to %s', async (status, failure) => {
    const far = await listen((_, response) => response.writeHead(status).end())
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({ code: failure })
  })

  it.each([
    ['that says its size', { 'content-length': String(MAX_BYTES + 1) }],
    ['that does not', {}],
  ])('rejects a body beyond the limit %s', async (_, headers) => {
    let sent = 0
    const far = await listen((__, response) => {
      response.writeHead(200, headers as Record<string, string>)
      const write = (): void => {
        while (!response.destroyed && sent <= MAX_BYTES * 20) {
          sent += 10_000
          if (!response.write(Buffer.alloc(10_000))) {
            response.once('drain', write)
            return
          }
        }
      }
      write()
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(far.url)
    if (isFailure(opened)) expect(opened.code).toBe('source-too-large')
    else await expect(text(opened)).rejects.toMatchObject({ failure: { code: 'source-too-large' } })
  })

  it('limits the decoded size of a body with an unrequested encoding', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    const far = await listen((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'image/png' }).end(bomb)
    })
    expect(await text(await fetcher({ allowedHosts: [far.host] })(far.url))).toBe('source-too-large')
  })

  it.each(['compress', 'gzip, gzip, gzip, gzip', 'gzip'])(
    'fails for a body that is not encoded as %s',
    async (coding) => {
      const far = await listen((_, response) => {
        response.writeHead(200, { 'content-encoding': coding }).end('this is no coding at all')
      })
      expect(await text(await fetcher({ allowedHosts: [far.host] })(far.url))).toBe('external-unreachable')
    },
  )

  it('has one deadline for header and body', async () => {
    const silent = await listen(() => undefined)
    const slow = await listen((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 50)
      response.on('close', () => clearInterval(timer))
    })
    const open = fetcher({ allowedHosts: ['localhost'], timeoutMs: 300 })
    expect(await open(silent.url)).toMatchObject({ code: 'external-timeout' })
    const opened = await open(slow.url)
    await expect(text(opened)).rejects.toMatchObject({ failure: { code: 'external-timeout' } })
  })

  it('reports a body that is shorter than its length', async () => {
    const far = await listen((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('short')
      setImmediate(() => response.destroy())
    })
    const opened = await fetcher({ allowedHosts: [far.host] })(far.url)
    const read = text(opened)
    await expect(read).rejects.toBeInstanceOf(BodyError)
    await expect(read).rejects.toMatchObject({ failure: { code: 'external-unreachable' } })
  })

  it.each([
    ['once', 1, 'hello'],
    ['twice', 2, undefined],
  ])(
    'sends a request again when its connection is closed before the response: %s',
    async (_, times, body) => {
      let closed = 0
      const far = await listen((request, response) => {
        if (request.url === '/first') response.end('first')
        else if (closed === times) response.end('hello')
        else {
          closed += 1
          request.socket.destroy()
        }
      })
      const open = fetcher({ allowedHosts: [far.host] })
      expect(await text(await open(`${far.url}/first`))).toBe('first')
      const opened = await open(`${far.url}/second`)
      if (body === undefined) expect(opened).toMatchObject({ code: 'external-unreachable' })
      else expect(await text(opened)).toBe(body)
    },
  )

  it('reports a host where nothing listens', async () => {
    const far = await listen((_, response) => response.end())
    await closers.pop()?.()
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({
      code: 'external-unreachable',
      detail: 'ECONNREFUSED',
    })
  })

  it('ends when its caller aborts', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>()
    const far = await listen((_, response) => {
      response.on('close', resolve)
      response.writeHead(200).write('x')
      onAsked()
    })
    const external = createExternalFetch({
      ownName: undefined,
      policy: { ports: [], allowedHosts: [far.host], ownAddresses: [] },
      nameServers: [],
      userAgent: 'x',
      timeoutMs: 10_000,
      maxBytes: 100,
    })
    closers.push(() => external.close())
    const controller = new AbortController()
    const opened = await external.open(far.url, { signal: controller.signal })
    await asked
    controller.abort()
    await closed
    expect(isFailure(opened)).toBe(false)
  })
})

describe('a redirect', () => {
  it('is followed at most five times', async () => {
    const far = await listen((request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) response.end('there')
      else response.writeHead(302, { location: `/${left - 1}` }).end()
    })
    const open = fetcher({ allowedHosts: [far.host] })
    expect(await text(await open(`${far.url}/5`))).toBe('there')
    expect(await open(`${far.url}/6`)).toMatchObject({ code: 'external-unreachable' })
  })

  it.each(FORBIDDEN_URLS.filter((url) => URL.canParse(url) && url.includes('//')))(
    'to %s is rejected',
    async (location) => {
      const far = await listen((_, response) => {
        response.writeHead(302, { location: Buffer.from(location).toString('latin1') }).end()
      })
      const open = fetcher({ policy: { ports: [], allowedHosts: [far.host], ownAddresses: OWN_ADDRESSES } })
      // Rejected by the policy, and not because a connection failed.
      expect(await open(far.url)).toMatchObject({ code: 'address-rejected' })
      expect(far.connections()).toBe(1)
    },
  )

  it.each([
    ['UTF-8', Buffer.from('/ä b?ö=é'), '/%C3%A4%20b?%C3%B6=%C3%A9'],
    ['Latin-1', Buffer.from('/ä?ö', 'latin1'), '/%E4?%F6'],
    ['what is encoded', Buffer.from('/%C3%A4?a%20b'), '/%C3%A4?a%20b'],
  ])('in %s is requested with exactly its bytes', async (_, location, wanted) => {
    const asked: (string | undefined)[] = []
    const far = await listen(({ url }, response) => {
      asked.push(url)
      if (url === '/') response.writeHead(302, { location: location.toString('latin1') }).end()
      else response.end('there')
    })
    expect(await text(await fetcher({ allowedHosts: [far.host] })(far.url))).toBe('there')
    expect(asked).toEqual(['/', wanted])
  })

  it('to itself is followed with the cookies that it set', async () => {
    const sent: (string | undefined)[] = []
    const far = await listen((request, response) => {
      sent.push(request.headers.cookie)
      if (request.headers.cookie?.includes('pass=1')) return response.end('there')
      const cookies = ['pass=1; Path=/; HttpOnly', 'other=a b; Secure', '=nameless', 'valueless', 'bad=\xe9']
      return response.writeHead(302, { location: '/', 'set-cookie': cookies }).end()
    })
    const open = fetcher({ allowedHosts: [far.host] })
    expect(await text(await open(far.url))).toBe('there')
    expect(await text(await open(far.url))).toBe('there')
    expect(sent).toEqual([undefined, 'pass=1; other=a b', undefined, 'pass=1; other=a b'])
  })

  it('to another origin is followed without cookies', async () => {
    const sent: (string | undefined)[] = []
    const other = await listen((request, response) => {
      sent.push(request.headers.cookie)
      response.end('there')
    })
    const far = await listen((_, response) => {
      response.writeHead(302, { location: other.url, 'set-cookie': 'secret=1' }).end()
    })
    expect(await text(await fetcher({ allowedHosts: ['localhost'] })(far.url))).toBe('there')
    expect(sent).toEqual([undefined])
  })

  it('without a target is rejected', async () => {
    const far = await listen((_, response) => response.writeHead(302, { location: 'http://' }).end())
    expect(await fetcher({ allowedHosts: [far.host] })(far.url)).toMatchObject({
      code: 'external-unreachable',
    })
  })
})
