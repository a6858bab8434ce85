/** Where buckets are, and the connections to them. */

import dns from 'node:dns'
import { objectUrl, regionOfEndpoint } from '@media-proxy/shared/store/s3/address.ts'
import { readListing } from '@media-proxy/shared/store/s3/listing.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Answer, type AnsweringServer, answering, awsBucket, reject } from './aws-server.ts'
import { KEYS, storeOf } from './open-store.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  for (const close of closers.splice(0).reverse()) await close()
})

async function bucketServer(answer = awsBucket({ objects: { '/cdn/a': Buffer.from('a') }, mayList: true })) {
  const server = await answering(answer)
  closers.push(server.close)
  return server
}

type Found = (error: null, addresses: readonly object[]) => void

const hosts = ({ asked }: AnsweringServer) => asked.map((line) => line.split(' ').slice(1).join(' '))

describe('a bucket', () => {
  it('is part of the path, or of the host name', () => {
    const at = { endpoint: 'https://s3.example.com/base', pathStyle: true }
    expect(objectUrl(at, 'cdn', "a/b (1)'!*.png")).toBe(
      'https://s3.example.com/base/cdn/a/b%20%281%29%27%21%2A.png',
    )
    expect(objectUrl({ ...at, pathStyle: false }, 'cdn', 'a')).toBe('https://cdn.s3.example.com/base/a')
  })

  it('is requested by the host name when that is configured', async () => {
    const server = await bucketServer((request, response) => {
      if (request.headers.host?.startsWith('cdn.') !== true) response.writeHead(400)
      response.end('a')
    })
    const { port } = new URL(server.endpoint)
    vi.spyOn(dns, 'lookup').mockImplementation(((_: string, __: object, found: Found) =>
      found(null, [{ address: '127.0.0.1', family: 4 }])) as never)
    const store = storeOf({
      ...KEYS,
      MEDIA_PROXY_S3_ENDPOINT: `http://s3.test:${port}`,
      MEDIA_PROXY_S3_PATH_STYLE: 'false',
    })
    await store.get('cdn', 'a')
    expect(hosts(server)).toEqual([`cdn.s3.test:${port} /a`])
  })

  it('is read at its own endpoint, and written to the common write endpoint', async () => {
    const [main, uploads, writes] = [await bucketServer(), await bucketServer(), await bucketServer()]
    const store = storeOf({
      ...KEYS,
      MEDIA_PROXY_S3_ENDPOINT: main.endpoint,
      MEDIA_PROXY_S3_ENDPOINT_UPLOADS: uploads.endpoint,
      MEDIA_PROXY_S3_WRITE_ENDPOINT: writes.endpoint,
    })
    await store.get('cdn', 'a')
    await store.head('uploads', 'u')
    await store.put('renditions', 'r', new Uint8Array(3))
    await store.removeBelow('renditions', 'folder/')
    await store.upload('uploads', 'u', { body: new Blob(['x']).stream(), sizeBytes: 1 })
    const paths = (server: AnsweringServer) => hosts(server).map((line) => line.split(' ')[1])
    expect(paths(main)).toEqual(['/cdn/a'])
    expect(new Set(paths(uploads))).toEqual(new Set(['/uploads/u']))
    expect(paths(writes)).toEqual([
      '/renditions/r',
      expect.stringMatching(/^\/renditions\?list-type=2/),
      '/uploads/u',
    ])
  })

  it.each([
    ['https://s3.amazonaws.com', 'us-east-1'],
    ['https://s3.eu-central-1.amazonaws.com', 'eu-central-1'],
    ['https://s3-eu-west-1.amazonaws.com', 'eu-west-1'],
    ['https://s3.dualstack.ap-southeast-2.amazonaws.com', 'ap-southeast-2'],
    ['https://cdn.s3.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['https://s3.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['https://account.r2.cloudflarestorage.com', undefined],
    ['https://s3.eu-central-1.amazonaws.com.evil.example', undefined],
    ['http://127.0.0.1:9000', undefined],
  ])('at %s is in the region %s', (endpoint, region) => {
    expect(regionOfEndpoint(endpoint)).toBe(region)
  })

  it('is listed with the real names of its objects', () => {
    const keys = '<Key>a &amp; b</Key><Key>&lt;1&gt;&quot;&#39;&#x1F600;</Key><Key>&unknown;</Key>'
    expect(readListing(`<ListBucketResult xmlns="http://a/">${keys}</ListBucketResult>`)?.keys).toEqual([
      'a & b',
      '<1>"\'😀',
      '&unknown;',
    ])
  })
})

describe('removing a folder', () => {
  /**
   * Simulates a bucket that lists fewer keys than requested,
   * as stores may, and returns where the next page starts.
   */
  function pagedBucket(keys: Set<string>, pageSize: number, mayRemove: (key: string) => boolean): Answer {
    return (request, response) => {
      const url = new URL(request.url ?? '', 'http://aws')
      const key = decodeURIComponent(url.pathname.replace('/renditions/', ''))
      if (request.method === 'DELETE') {
        if (!mayRemove(key)) return reject(request, response, { status: 403, code: 'AccessDenied' })
        keys.delete(key)
        return response.writeHead(204).end()
      }
      const from = url.searchParams.get('continuation-token') ?? ''
      const left = [...keys].filter((each) => each > from).sort()
      const page = left.slice(0, pageSize)
      const xml = (name: string, text = '') => `<${name}>${text.replaceAll('&', '&amp;')}</${name}>`
      const token = left.length > pageSize ? xml('NextContinuationToken', page.at(-1)) : ''
      return response.end(xml('ListBucketResult') + page.map((each) => xml('Key', each)).join('') + token)
    }
  }
  const named = (count: number) =>
    new Set(Array.from({ length: count }, (_, index) => `folder/${String(index).padStart(5, '0')} +&é`))

  it('removes all of 2,500 objects, although the store lists 300 at a time', async () => {
    const keys = named(2500)
    const server = await bucketServer(pagedBucket(keys, 300, () => true))
    const store = storeOf({ ...KEYS, MEDIA_PROXY_S3_ENDPOINT: server.endpoint })
    expect(await store.removeBelow('renditions', 'folder/')).toBe(2500)
    expect(keys.size).toBe(0)
  })

  it.each([['<html>Back soon</html>'], ['<Error><Code>InternalError</Code></Error>'], ['']])(
    'fails when the store returns no listing (%s)',
    async (page) => {
      const server = await bucketServer((_, response) => response.end(page))
      const store = storeOf({ ...KEYS, MEDIA_PROXY_S3_ENDPOINT: server.endpoint })
      expect(await store.removeBelow('renditions', 'folder/')).toMatchObject({ code: 'store-misconfigured' })
    },
  )

  it('fails, and ends, when one object cannot be removed', async () => {
    const keys = named(100)
    const locked = [...keys][50] ?? ''
    const server = await bucketServer(pagedBucket(keys, 30, (key) => key !== locked))
    const store = storeOf({ ...KEYS, MEDIA_PROXY_S3_ENDPOINT: server.endpoint })
    expect(await store.removeBelow('renditions', 'folder/')).toMatchObject({ code: 'store-denied' })
    expect(keys.has(locked)).toBe(true)
  })
})

describe('a connection to the store', () => {
  it('is reused after every kind of request, with or without a body', async () => {
    const read = awsBucket({
      objects: { '/cdn/a': Buffer.from('a'), '/cdn/b': Buffer.alloc(0) },
      mayList: true,
    })
    const server = await bucketServer((request, response) => {
      if (request.method === 'PUT') request.resume().on('end', () => response.end())
      else if (request.method === 'DELETE') response.writeHead(204).end()
      else read(request, response)
    })
    const store = storeOf({ ...KEYS, MEDIA_PROXY_S3_ENDPOINT: server.endpoint })
    for (let round = 0; round < 3; round += 1) {
      for (const key of ['a', 'b', 'missing']) {
        if (key !== 'missing') await store.head('cdn', key)
        const object = await store.get('cdn', key)
        if ('body' in object) await new Response(object.body).bytes()
      }
      expect(await store.put('cdn', 'c', Buffer.from('c'))).toBeUndefined()
    }
    expect([server.asked.length, server.connections]).toEqual([18, 1])
  })

  it('is replaced when the store has closed it, however many it has closed', async () => {
    const read = awsBucket({ objects: { '/cdn/a': Buffer.from('a') }, mayList: true })
    const CONNECTIONS = 8
    const held: (() => void)[] = []
    const used = new WeakSet<object>()
    const server = await bucketServer((request, response) => {
      // Each connection serves one request.
      if (used.has(request.socket)) {
        request.socket.destroy()
        return
      }
      used.add(request.socket)
      held.push(() => read(request, response))
      // The first ones are answered together, so that none reuses the connection of another.
      if (server.connections < CONNECTIONS) return
      for (const answer of held.splice(0)) answer()
    })
    const store = storeOf({ ...KEYS, MEDIA_PROXY_S3_ENDPOINT: server.endpoint })
    const head = () => store.head('cdn', 'a')
    await Promise.all(Array.from({ length: CONNECTIONS }, head))
    for (let round = 0; round < CONNECTIONS; round += 1) {
      expect(await head()).toMatchObject({ etag: '"e"' })
      expect(await store.put('cdn', 'a', Buffer.from('a'))).toBeUndefined()
    }
  })
})
