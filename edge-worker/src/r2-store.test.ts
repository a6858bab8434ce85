import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { describe, expect, it } from 'vitest'
import { createR2Store } from './r2-store.ts'

const OPTIONS = { maxDecodedBytes: 1000, timeoutMs: 50 }

// A store uses only these members of a bucket.
const storeOf = (bucket: { readonly head?: unknown; readonly get?: unknown }) =>
  createR2Store(bucket as unknown as R2Bucket, OPTIONS)

const objectOf = (text: string, metadata: R2HTTPMetadata = {}) => ({
  size: text.length,
  etag: text,
  httpEtag: `"${text}"`,
  uploaded: new Date(0),
  httpMetadata: metadata,
})
const opened = (text: string) => ({ ...objectOf(text), body: new Blob([text]).stream() })

describe.each([
  ['fails', () => Promise.reject(new Error('internal error (10001)')), 'store-unreachable'],
  ['says nothing', () => new Promise(() => undefined), 'store-timeout'],
])('an R2 bucket that %s', (_, call, code) => {
  it('makes the store report that failure', async () => {
    const store = storeOf({ head: call, get: call })
    expect(await store.head('static', 'a')).toMatchObject({ code })
    expect(await store.get('static', 'a')).toMatchObject({ code })
    expect(await store.get('static', 'a', { range: { start: 0 } })).toMatchObject({ code })
    expect(await store.check('static')).toMatchObject({ code })
  })
})

it('a range of an object that is replaced meanwhile comes from the new object', async () => {
  const sizes = [objectOf('the old one'), objectOf('new')]
  const bodies = [objectOf('new'), opened('new')]
  const store = storeOf({ head: async () => sizes.shift(), get: async () => bodies.shift() })
  expect(await store.get('static', 'a', { range: { start: 0 } })).toMatchObject({
    info: { etag: '"new"' },
    range: { start: 0, end: 2 },
  })
})

it.each([
  ['text/html', 'text/html'],
  ['text/html\r\nset-cookie: a=b', undefined],
  ['text/html\u0000', undefined],
  ['', undefined],
])('the stored type %j is reported only if it is a valid header value', async (contentType, reported) => {
  const store = storeOf({ head: async () => objectOf('a', { contentType, cacheControl: contentType }) })
  const info = await store.head('static', 'a')
  expect([info].map((known) => 'contentType' in known && known.contentType)).toEqual([reported ?? false])
  expect([info].map((known) => 'cacheControl' in known && known.cacheControl)).toEqual([reported ?? false])
})

it('a body that stops in the middle errors', async () => {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('some'))
    },
  })
  const whole = { ...objectOf('some bytes'), body }
  const object = await storeOf({ get: async () => whole }).get('static', 'a')
  if (isFailure(object)) throw new Error(object.code)
  await expect(new Response(object.body).text()).rejects.toMatchObject({ failure: { code: 'store-timeout' } })
})
